using System.Diagnostics;
using System.Net;
using System.Text;
using NUnit.Framework;
using Rx.IotLink.Tests.Cli;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Mqtt;

/// <summary>A real mosquitto with its own files in a temporary folder, on a port of this machine.</summary>
internal sealed class Mosquitto : IAsyncDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("iotlink-mqtt-");
    private readonly int port = FreePort.Get();
    private IotLinkProcess? process;

    private Mosquitto(string more)
    {
        Settings = $"""
            listener {port.Text()} 127.0.0.1
            {(more.Contains("allow_anonymous", StringComparison.Ordinal) ? "" : "allow_anonymous true")}
            {more.Replace("FOLDER", folder.FullName, StringComparison.Ordinal)}
            persistence true
            persistence_location {folder.FullName}/
            max_queued_messages 0
            {(Environment.UserName == "root" ? "user root" : "")}

            """;
    }

    public static string Program { get; } = Find() ?? Install() ?? throw new AssertionException(
        "mosquitto is not on this machine, and these tests need it: 'apt-get install mosquitto' installs it on Debian and Ubuntu.");

    public IPEndPoint EndPoint => new(IPAddress.Loopback, port);

    private string Settings { get; }

    /// <summary>Starts one.</summary>
    /// <param name="more">Lines of its configuration; FOLDER is its folder.</param>
    /// <param name="files">Files in its folder.</param>
    public static async Task<Mosquitto> StartAsync(string more = "", params (string Name, string Text)[] files)
    {
        var broker = new Mosquitto(more);
        foreach (var (name, text) in files)
            await File.WriteAllTextAsync(Path.Combine(broker.folder.FullName, name), text);
        await File.WriteAllTextAsync(Path.Combine(broker.folder.FullName, "conf"), broker.Settings);
        await broker.RunAsync();
        return broker;
    }

    /// <summary>Starts it again, with what it has kept.</summary>
    public async Task RunAsync()
    {
        // Another test may have the port for a moment.
        for (var attempt = 1; ; attempt++)
        {
            process = IotLinkProcess.StartOther(Program, "-c", Path.Combine(folder.FullName, "conf"));
            var first = await process.Events.FirstAsync(line => line.EndsWith(" running", StringComparison.Ordinal) || line.Contains("Error: ", StringComparison.Ordinal), "mosquitto runs");
            if (first.EndsWith(" running", StringComparison.Ordinal))
                return;
            await process.ExitAsync();
            await process.DisposeAsync();
            Assert.That(attempt, Is.LessThan(100), first);
        }
    }

    /// <summary>Has it write its file, and waits until a retained message of this topic is there.</summary>
    public async Task SaveAsync(string topic)
    {
        process!.Signal("USR1");
        // It writes a new file, and then gives it its name.
        var file = Path.Combine(folder.FullName, "mosquitto.db");
        await Bound.EventuallyAsync(() => File.Exists(file) && File.ReadAllBytes(file).AsSpan().IndexOf(Encoding.UTF8.GetBytes(topic)) >= 0);
    }

    /// <summary>Ends it as a power failure of its process does: what it has not written to its file is gone.</summary>
    public Task KillAsync() => EndAsync("KILL");

    /// <summary>Ends it in order: it keeps sessions and messages.</summary>
    public Task StopAsync() => EndAsync("TERM");

    public async ValueTask DisposeAsync()
    {
        if (process is not null)
            await KillAsync();
        folder.Delete(recursive: true);
    }

    private async Task EndAsync(string signal)
    {
        var ending = process!;
        process = null;
        ending.Signal(signal);
        await ending.ExitAsync();
        await ending.DisposeAsync();
    }

    private static string? Find() => Environment.GetEnvironmentVariable("PATH")!.Split(Path.PathSeparator).Append("/usr/sbin")
        .Select(directory => Path.Combine(directory, "mosquitto")).FirstOrDefault(File.Exists);

    /// <summary>Debian's package, without the broker that it would start.</summary>
    private static string? Install()
    {
        if (Environment.UserName != "root" || !File.Exists("/usr/bin/apt-get"))
            return null;
        const string Script = """
            apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq mosquitto >/dev/null
            """;
        using var installing = Process.Start(new ProcessStartInfo("sh", ["-c", Script]) { UseShellExecute = false })!;
        installing.WaitForExit();
        return Find();
    }
}
