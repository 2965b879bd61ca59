using System.Diagnostics;
using NUnit.Framework;

namespace Rx.IotLink.Tests.Stores.PostgreSql;

/// <summary>
/// The programs of PostgreSQL on this machine, and the user that may run them: the server refuses root.
/// </summary>
internal static class PostgresProgram
{
    private const string Debian = "/usr/lib/postgresql";

    /// <summary>The folder of <c>initdb</c> and <c>postgres</c>.</summary>
    public static string Folder { get; } = Find() ?? Install() ?? throw new AssertionException(
        "PostgreSQL is not on this machine, and these tests need it: 'apt-get install postgresql' installs it on Debian and Ubuntu.");

    /// <summary>The user for the server's files; null: the one that runs the tests.</summary>
    public static string? User { get; } = Environment.UserName == "root" ? "postgres" : null;

    /// <summary>A program with its arguments, as the user that may run it.</summary>
    public static string[] Command(string program, params string[] arguments)
    {
        string[] command = [Path.Combine(Folder, program), .. arguments];
        return User is null ? command : ["setpriv", $"--reuid={User}", $"--regid={User}", "--clear-groups", .. command];
    }

    /// <summary>Runs a program to its end, which must be a good one.</summary>
    public static async Task RunAsync(params string[] command)
    {
        using var process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true })!;
        var said = await Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        Assert.That(process.ExitCode, Is.Zero, $"{string.Join(' ', command)}: {string.Concat(said)}");
    }

    private static string? Find()
    {
        var debian = Directory.Exists(Debian)
            ? Directory.GetDirectories(Debian).OrderByDescending(version => int.TryParse(Path.GetFileName(version), out var number) ? number : 0).Select(version => Path.Combine(version, "bin"))
            : [];
        var path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        return debian.Concat(path).FirstOrDefault(folder => File.Exists(Path.Combine(folder, "initdb")) && File.Exists(Path.Combine(folder, "postgres")));
    }

    /// <summary>Debian's package, without the cluster that it would start.</summary>
    private static string? Install()
    {
        if (User is null || !File.Exists("/usr/bin/apt-get"))
            return null;
        const string Script = """
            mkdir -p /etc/postgresql-common && [ -e /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
            apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o Dpkg::Options::=--force-confold postgresql >/dev/null
            """;
        using var process = Process.Start(new ProcessStartInfo("sh", ["-c", Script]) { UseShellExecute = false })!;
        process.WaitForExit();
        return Find();
    }
}
