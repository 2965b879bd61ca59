using System.Diagnostics;
using System.Globalization;
using System.Net;
using MQTTnet.Server;
using Peers.Mqtt;
using Rx.IotLink;
using Rx.IotLink.Server;
using Throughput.Links;

namespace Peers;

/// <summary>
/// The server of a fleet in a process of its own: a process may not have enough sockets for both ends. It ends with its
/// standard input.
/// </summary>
internal sealed class ServerEnd : IDisposable
{
    public const string Links = "links";
    public const string Mqtt = "mqtt";

    private readonly Process process;

    private ServerEnd(Process process, int port) => (this.process, Port) = (process, port);

    public int Port { get; }

    /// <summary>The processor time that it has used.</summary>
    public TimeSpan CpuTime
    {
        get
        {
            process.Refresh();
            return process.TotalProcessorTime;
        }
    }

    /// <summary>Starts one.</summary>
    public static async Task<ServerEnd> StartAsync(string kind, int connections, TimeSpan timeout)
    {
        var started = Process.Start(new ProcessStartInfo(Environment.ProcessPath!)
        {
            ArgumentList =
            {
                typeof(ServerEnd).Assembly.Location, "server", kind,
                connections.ToString(CultureInfo.InvariantCulture), timeout.TotalSeconds.ToString(CultureInfo.InvariantCulture),
            },
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        return new(started, int.Parse((await started.StandardOutput.ReadLineAsync())!, CultureInfo.InvariantCulture));
    }

    /// <summary>What runs in that process.</summary>
    public static async Task<int> RunAsync(string kind, string connections, string seconds)
    {
        var checks = Enumerable.Range(0, int.Parse(connections, CultureInfo.InvariantCulture)).Select(_ => new NumberedLines()).ToArray();
        if (kind == Links)
            await RunLinksAsync(checks, TimeSpan.FromSeconds(double.Parse(seconds, CultureInfo.InvariantCulture)));
        else
            await RunMqttAsync(checks);

        // Throws if a line was out of order, or came twice.
        foreach (var check in checks)
            check.Check(check.Received);
        return 0;
    }

    /// <summary>Ends it.</summary>
    /// <exception cref="InvalidDataException">It has found a fault; its standard error says which.</exception>
    public void Dispose()
    {
        process.StandardInput.Close();
        process.WaitForExit();
        var exit = process.ExitCode;
        process.Dispose();
        if (exit != 0)
            throw new InvalidDataException($"the process of the server ended with {exit}");
    }

    private static async Task RunLinksAsync(NumberedLines[] checks, TimeSpan timeout)
    {
        await using var server = await IotLinkServer.StartAsync(new()
        {
            Bind = IPAddress.Loopback,
            Port = 0,
            Expected = [.. Enumerable.Range(0, checks.Length).Select(LinkPairs.Id)],
            Timeout = timeout,
        });
        using var observing = server.Links.Subscribe(link => link.Lines.Subscribe(checks[int.Parse(link.Id, CultureInfo.InvariantCulture)]));
        await UntilEndAsync(server.EndPoint.Port);
    }

    private static async Task RunMqttAsync(NumberedLines[] checks)
    {
        var port = FreePort.Find();
        using var server = await MqttWorkload.ServeAsync(port, (connection, line) => checks[connection].OnNext(line));
        await UntilEndAsync(port);
        await server.StopAsync();
    }

    private static async Task UntilEndAsync(int port)
    {
        Console.WriteLine(port.ToString(CultureInfo.InvariantCulture));
        while (await Console.In.ReadLineAsync() is not null)
        {
        }
    }
}
