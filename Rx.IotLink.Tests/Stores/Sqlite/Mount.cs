using System.Diagnostics;
using NUnit.Framework;

namespace Rx.IotLink.Tests.Stores.Sqlite;

/// <summary>A real file system of a test's own: a small one that can be full, or one that may not be written.</summary>
internal sealed class Mount : IDisposable
{
    private readonly string at;

    private Mount(string at) => this.at = at;

    /// <summary>A new folder of so many KiB in memory.</summary>
    public static Mount Small(string folder, int kilobytes)
    {
        Directory.CreateDirectory(folder);
        Run("mount", "-t", "tmpfs", "-o", $"size={kilobytes}k", "tmpfs", folder);
        return new(folder);
    }

    /// <summary>A file, or a folder with all that is in it, as it is, but read-only.</summary>
    public static Mount ReadOnly(string path)
    {
        Run("mount", "--bind", path, path);
        var mount = new Mount(path);
        try
        {
            Run("mount", "-o", "remount,bind,ro", path);
        }
        catch
        {
            mount.Dispose();
            throw;
        }

        return mount;
    }

    public void Dispose() => Run("umount", "--lazy", at);

    private static void Run(string program, params string[] arguments)
    {
        if (!OperatingSystem.IsLinux() || Environment.UserName != "root")
            Assert.Ignore("Mounting a file system needs Linux and root: run the tests of this folder as root too.");
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, $"{program} {string.Join(' ', arguments)}: {errors}");
    }
}
