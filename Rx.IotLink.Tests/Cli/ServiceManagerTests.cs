using System.Net.Sockets;
using System.Text;
using NUnit.Framework;
using Rx.IotLink.Tests.Server.Tools;
using Rx.IotLink.Tests.Stores.Sqlite;

namespace Rx.IotLink.Tests.Cli;

/// <summary>What systemd learns: the test has its socket.</summary>
[Platform("Linux")]
[Parallelizable(ParallelScope.All)]
internal sealed class ServiceManagerTests
{
    [Test]
    public async Task It_is_told_that_the_server_is_ready_that_it_works_and_that_it_stops([Values] bool isAbstract)
    {
        using var folder = new TemporaryFolder();
        var address = isAbstract ? $"@iotlink-{Guid.NewGuid():N}" : folder["notify"];
        using var socket = Listen(address);
        await using var serving = Serve(address, "200000");
        Assert.That(await HearAsync(socket), Is.EqualTo("READY=1"));
        await serving.EventAsync("listening on");
        for (var words = 0; words < 3; words++)
            Assert.That(await HearAsync(socket), Is.EqualTo("WATCHDOG=1"));
        serving.Signal("TERM");
        Assert.That(await serving.ExitAsync(), Is.Zero);
        var last = "";
        while (last != "STOPPING=1")
            last = await HearAsync(socket);
    }

    [Test]
    public async Task A_manager_that_is_not_there_costs_a_warning()
    {
        using var folder = new TemporaryFolder();
        await using var serving = Serve(folder["nobody"], "");
        Assert.That(await serving.EventAsync("the service manager"), Does.StartWith("iotlink: warning: the service manager cannot be told (READY=1): "));
        serving.Signal("TERM");
        Assert.That(await serving.ExitAsync(), Is.Zero);
        Assert.That(await IotLinkProcess.AllAsync(serving.Events), Has.Exactly(1).Contains("the service manager"));
    }

    private static IotLinkProcess Serve(string address, string watchdog) => IotLinkProcess.StartByShell(
        "exec \"$@\"", ["serve", "--port", "0"], new() { ["NOTIFY_SOCKET"] = address, ["WATCHDOG_USEC"] = watchdog, ["WATCHDOG_PID"] = "" });

    private static Socket Listen(string address)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(address[0] == '@' ? $"\0{address[1..]}" : address));
        return socket;
    }

    private static async Task<string> HearAsync(Socket socket)
    {
        var buffer = new byte[100];
        return Encoding.UTF8.GetString(buffer, 0, await socket.ReceiveAsync(buffer).Within());
    }
}
