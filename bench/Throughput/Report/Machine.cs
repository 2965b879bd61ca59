using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Throughput.Report;

/// <summary>Where the figures were measured, and of what.</summary>
internal sealed record Machine(string Cpu, int Cores, string DotNet, string Os, bool ServerGc, string Commit, DateTimeOffset At)
{
    public static Machine Describe() => new(
        CpuName(),
        Environment.ProcessorCount,
        RuntimeInformation.FrameworkDescription,
        RuntimeInformation.OSDescription,
        System.Runtime.GCSettings.IsServerGC,
        CommitOfSources(),
        TimeProvider.System.GetUtcNow());

    /// <summary>The kind of the file system that a folder is on.</summary>
    public static string FileSystem(DirectoryInfo folder)
    {
        try
        {
            return new DriveInfo(folder.FullName).DriveFormat;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return "unknown";
        }
    }

    private static string CpuName()
    {
        const string Info = "/proc/cpuinfo";
        var model = File.Exists(Info) ? File.ReadLines(Info).FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal)) : null;
        return model?[(model.IndexOf(':', StringComparison.Ordinal) + 2)..] ?? RuntimeInformation.ProcessArchitecture.ToString();
    }

    private static string CommitOfSources()
    {
        try
        {
            using var git = Process.Start(new ProcessStartInfo("git", "describe --always --dirty --abbrev=12") { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false, WorkingDirectory = AppContext.BaseDirectory })!;
            var commit = git.StandardOutput.ReadToEnd().Trim();
            git.WaitForExit();
            return commit.Length == 0 ? "unknown" : commit;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "unknown";
        }
    }
}
