using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using NUnit.Framework;
using Rx.IotLink.Tests.Cli;

namespace Rx.IotLink.Tests.Stores.Nats;

/// <summary>
/// Real nats-servers with JetStream, their files in a temporary folder, on ports of this machine. They end with the
/// tests, however these end.
/// </summary>
internal sealed class NatsCluster : IAsyncDisposable
{
    // The watcher ends the server when its own input ends, which happens in any case.
    private const string Watcher = """
        "$@" </dev/null >>"$LOG" 2>&1 &
        pid=$!
        echo $pid
        cat >/dev/null
        kill -INT $pid 2>/dev/null
        wait $pid
        """;

    private static readonly Lazy<string> Program = new(() => Find() ?? Install() ?? throw new AssertionException(
        "nats-server is not on this machine, and these tests need it: 'apt-get install nats-server' installs it on Debian and Ubuntu."));

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("iotlink-nats-");
    private readonly int[] ports;
    private readonly int[] routes;
    private readonly IotLinkProcess?[] processes;

    private NatsCluster(int nodes)
    {
        ports = [.. Enumerable.Range(0, nodes).Select(_ => FreePort.Get())];
        routes = [.. Enumerable.Range(0, nodes).Select(_ => FreePort.Get())];
        processes = new IotLinkProcess?[nodes];
    }

    /// <summary>All nodes.</summary>
    public string Url => string.Join(',', ports.Select(port => $"nats://127.0.0.1:{port.Text()}"));

    public static async Task<NatsCluster> StartAsync(int nodes)
    {
        var cluster = new NatsCluster(nodes);
        await Task.WhenAll(Enumerable.Range(0, nodes).Select(cluster.RunAsync));
        return cluster;
    }

    /// <summary>Starts a node, and waits until it answers.</summary>
    public async Task RunAsync(int node)
    {
        var configuration = Path.Combine(folder.FullName, $"{node.Text()}.conf");
        var cluster = ports.Length == 1 ? "" : $$"""
            cluster {
                name: tests
                listen: 127.0.0.1:{{routes[node].Text()}}
                routes: [{{string.Join(',', routes.Select(route => $"nats-route://127.0.0.1:{route.Text()}"))}}]
            }
            """;
        await File.WriteAllTextAsync(configuration, $$"""
            server_name: node{{node.Text()}}
            listen: 127.0.0.1:{{ports[node].Text()}}
            jetstream { store_dir: "{{folder.FullName}}/{{node.Text()}}", max_mem: 64MB, max_file: 4GB }
            {{cluster}}
            """);
        var log = Path.Combine(folder.FullName, $"{node.Text()}.log");
        var process = processes[node] = IotLinkProcess.StartOther("env", [$"LOG={log}", "sh", "-c", Watcher, "sh", Program.Value, "-c", configuration]);
        var pid = int.Parse((await process.OutputAsync(1)).Single(), CultureInfo.InvariantCulture);
        var until = Environment.TickCount64 + (long)IotLinkProcess.Bound.TotalMilliseconds;
        while (!Answers(ports[node]))
        {
            if (Environment.TickCount64 > until || !File.Exists($"/proc/{pid.Text()}/stat"))
                Assert.Fail(await File.ReadAllTextAsync(log));
            await Task.Yield();
        }

        pids[node] = pid;
    }

    /// <summary>Ends a node as a failure of its process does. It keeps its files.</summary>
    public async Task KillAsync(int node)
    {
        using (var kill = Process.Start("kill", ["-KILL", pids[node].Text()]))
            await kill.WaitForExitAsync();
        await EndAsync(node);
    }

    public async ValueTask DisposeAsync()
    {
        for (var node = 0; node < ports.Length; node++)
            await EndAsync(node);
        folder.Delete(recursive: true);
    }

    private readonly Dictionary<int, int> pids = [];

    private async Task EndAsync(int node)
    {
        var ending = processes[node];
        processes[node] = null;
        if (ending is null)
            return;
        ending.EndInput();
        _ = await ending.ExitAsync();
        await ending.DisposeAsync();
    }

    private static bool Answers(int port)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Connect(IPAddress.Loopback, port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static string? Find() => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Concat(["/usr/sbin", "/usr/local/bin"]).Select(folder => Path.Combine(folder, "nats-server")).FirstOrDefault(File.Exists);

    /// <summary>Debian's package.</summary>
    private static string? Install()
    {
        if (Environment.UserName != "root" || !File.Exists("/usr/bin/apt-get"))
            return null;
        using var process = Process.Start(new ProcessStartInfo("sh", ["-c", "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq nats-server >/dev/null"]) { UseShellExecute = false })!;
        process.WaitForExit();
        return Find();
    }
}
