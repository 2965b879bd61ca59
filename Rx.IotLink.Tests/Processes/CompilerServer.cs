using System.Diagnostics;

namespace Rx.IotLink.Tests.Processes;

/// <summary>
/// A compiler that stays in memory between the builds of a test: each of many small programs then takes a second, not
/// three. It has a name of its own, so it serves no other build and ends with the test.
/// </summary>
internal sealed class CompilerServer : IDisposable
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(20);

    private readonly string name = $"iotlink-tests-{Guid.NewGuid():N}";

    /// <summary>Adds what a build needs to know of it. A build takes properties from its environment.</summary>
    public Dictionary<string, string> AddTo(Dictionary<string, string> environment) =>
        new(environment, StringComparer.Ordinal) { ["UseSharedCompilation"] = "true", ["SharedCompilationId"] = name };

    /// <summary>Ends it. Where it cannot be found, it ends by itself, after ten minutes without work.</summary>
    public void Dispose()
    {
        if (!OperatingSystem.IsLinux())
            return;
        foreach (var id in Directory.EnumerateDirectories("/proc").Select(Path.GetFileName).Where(id => int.TryParse(id, out _) && Is(id!)))
            End(int.Parse(id!, System.Globalization.CultureInfo.InvariantCulture));
    }

    private bool Is(string process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/cmdline").Contains($"-pipename:{name}", StringComparison.Ordinal);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // It has ended meanwhile, or belongs to somebody else.
            return false;
        }
    }

    private static void End(int id)
    {
        try
        {
            using var process = Process.GetProcessById(id);
            process.Kill();
            process.WaitForExit(Bound);
        }
        catch (Exception exception) when (exception is ArgumentException or InvalidOperationException)
        {
            // It has ended by itself.
        }
    }
}
