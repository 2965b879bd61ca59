using System.Globalization;
using System.Net;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Examples.BridgedHost;
using NUnit.Framework;
using Rx.IotLink.Bridge;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Cli;

namespace Rx.IotLink.Tests.Bridge;

/// <summary>A client whose connections go over a serial line, through a bridge, to a real server.</summary>
[Parallelizable(ParallelScope.Self)]
public sealed class BridgedLinkTests
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(1);

    [TestCase(0.0)]
    [TestCase(0.002)]
    public async Task Each_line_arrives_once_in_order_though_the_bridge_is_replaced_again_and_again(double noise)
    {
        const int Lines = 200;
        using var cable = new SerialCable(seed: 7, noise);
        await using var server = await IotLinkServer.StartAsync(new() { Port = 0, Bind = IPAddress.Loopback, Timeout = Timeout });
        await using var host = BridgeTransport.Start(new() { Wire = new SerialTransport(cable.Left), Host = "127.0.0.1", Port = server.EndPoint.Port });
        var bridge = IotLinkBridge.Start(new() { Wire = new SerialTransport(cable.Right) });
        await using var client = IotLinkClient.Start(Options(host));
        var application = await server.WaitForAsync("host").WaitAsync(IotLinkProcess.Bound);

        var up = Received(application);
        var down = Received(client);
        var writing = Task.WhenAll(WriteAsync(client, Lines), WriteAsync(application, Lines));
        for (var lives = 0; lives < 3; lives++)
        {
            await application.Lines.Take(5).LastOrDefaultAsync().ToTask().WaitAsync(IotLinkProcess.Bound);
            await bridge.DisposeAsync();
            bridge = IotLinkBridge.Start(new() { Wire = new SerialTransport(cable.Right) });
        }

        await writing.WaitAsync(2 * IotLinkProcess.Bound);
        var expected = Enumerable.Range(0, Lines).Select(n => n.ToString(CultureInfo.InvariantCulture));
        Assert.That(up, Is.EqualTo(expected));
        Assert.That(down, Is.EqualTo(expected));
        Assert.That(application.Counters.Outages, Is.Positive, "a bridge that is replaced is an outage");
        if (noise > 0)
            Assert.That(cable.Damaged, Is.Positive);
        await bridge.DisposeAsync();
    }

    /// <summary>Its connections have the same numbers again: the bridge must not take one for the one before.</summary>
    [Test]
    public async Task A_host_that_restarts_is_served_anew()
    {
        using var cable = new SerialCable();
        await using var server = await IotLinkServer.StartAsync(new() { Port = 0, Bind = IPAddress.Loopback, Timeout = Timeout });
        var lines = new List<string>();
        server.Links.Subscribe(link => link.Lines.Subscribe(lines.Add));
        await using var bridge = IotLinkBridge.Start(new() { Wire = new SerialTransport(cable.Right) });
        for (var life = 1; life <= 4; life++)
        {
            await using var host = BridgeTransport.Start(new() { Wire = new SerialTransport(cable.Left), Host = "127.0.0.1", Port = server.EndPoint.Port });
            await using var client = IotLinkClient.Start(Options(host));
            await client.WriteAsync($"life {life}").WaitAsync(IotLinkProcess.Bound);
        }

        Assert.That(bridge.Counters.Sessions, Is.EqualTo(4));
        Assert.That(lines, Is.EqualTo(Enumerable.Range(1, 4).Select(life => $"life {life}")));
    }

    [Test]
    public async Task A_server_that_is_not_there_is_reported_through_the_bridge()
    {
        using var cable = new SerialCable();
        await using var host = BridgeTransport.Start(new() { Wire = new SerialTransport(cable.Left), Host = "127.0.0.1", Port = 1 });
        await using var bridge = IotLinkBridge.Start(new() { Wire = new SerialTransport(cable.Right) });
        await using var client = IotLinkClient.Start(Options(host));
        var notice = await client.Notices.FirstAsync(n => n.Kind == LinkNoticeKind.ConnectFailed).Timeout(IotLinkProcess.Bound).ToTask();
        Assert.That(notice.Detail, Does.Contain("127.0.0.1:1 was not reached through the bridge").And.Contain("refused"));
    }

    [Test]
    public async Task A_port_that_is_not_there_is_reported_by_the_client_and_by_the_status()
    {
        await using var host = BridgeTransport.Start(new() { Wire = new SerialTransport("/dev/ttyNone9"), Host = "127.0.0.1" });
        await using var client = IotLinkClient.Start(Options(host));
        var notice = await client.Notices.FirstAsync(n => n.Kind == LinkNoticeKind.ConnectFailed).Timeout(IotLinkProcess.Bound).ToTask();
        Assert.That(notice.Detail, Does.Contain("The serial port /dev/ttyNone9 does not exist."));
        var status = await host.Status.FirstAsync(s => s.State == BridgeState.NoPort).Timeout(IotLinkProcess.Bound).ToTask();
        Assert.That(status.Detail, Does.Contain("does not exist"));
    }

    [Test]
    public async Task A_bridge_that_does_not_answer_is_reset_by_its_line_and_another_programs_text_is_named()
    {
        using var cable = new SerialCable();
        var line = new RecordingLine();
        await using var host = BridgeTransport.Start(new() { Wire = new SerialTransport(cable.Left), Host = "x", ResetLine = line, SilenceTimeout = TimeSpan.FromSeconds(3) });
        cable.Say("login: \u0000 Password: \u0000");
        var status = await host.Status.FirstAsync(s => s.Detail.Contains("no frames", StringComparison.Ordinal)).Timeout(IotLinkProcess.Bound).ToTask();
        Assert.That(status.State, Is.EqualTo(BridgeState.NoAnswer));
        Assert.That(await line.NextAsync(), Is.True);
        Assert.That(await line.NextAsync(), Is.False);
        await host.RebootAsync();
        Assert.That(host.Counters.Resets, Is.GreaterThanOrEqualTo(2));
    }

    [Test]
    public async Task A_reset_line_that_throws_is_reported_and_harms_nothing()
    {
        using var cable = new SerialCable();
        await using var host = BridgeTransport.Start(new() { Wire = new SerialTransport(cable.Left), Host = "x", ResetLine = new BadLine(), SilenceTimeout = TimeSpan.FromSeconds(3) });
        await host.RebootAsync();
        await host.Status.FirstAsync(s => s.Detail.Contains("the reset line failed: no such pin", StringComparison.Ordinal)).Timeout(IotLinkProcess.Bound).ToTask();
    }

    [Test]
    public async Task The_bridge_reports_and_obeys_a_reboot()
    {
        using var cable = new SerialCable();
        await using var server = await IotLinkServer.StartAsync(new() { Port = 0, Bind = IPAddress.Loopback, Timeout = Timeout });
        await using var bridge = IotLinkBridge.Start(new() { Wire = new SerialTransport(cable.Right) });
        await using var host = BridgeTransport.Start(new()
        {
            Wire = new SerialTransport(cable.Left), Host = "127.0.0.1", Port = server.EndPoint.Port, ReportInterval = TimeSpan.FromSeconds(1),
        });
        await using var client = IotLinkClient.Start(Options(host));
        await client.WaitUntilUpAsync().WaitAsync(IotLinkProcess.Bound);
        var report = await host.Reports.FirstAsync(r => r.Number >= 2).Timeout(IotLinkProcess.Bound).ToTask();
        Assert.That(report.Connections, Is.EqualTo(1));
        await host.Status.FirstAsync(s => s.State == BridgeState.Connected).Timeout(IotLinkProcess.Bound).ToTask();
        await host.RebootAsync();
        await client.State.FirstAsync(s => s.Connections >= 2).Timeout(IotLinkProcess.Bound).ToTask();
        Assert.That(bridge.Counters.Resets, Is.EqualTo(1));
    }

    [Test]
    public void Wrong_options_are_named()
    {
        var wire = new SerialTransport("/dev/ttyS0");
        Assert.That(() => BridgeTransport.Start(new() { Wire = wire, Host = new('x', 109) }), Throws.ArgumentException.With.Message.Contains("108 bytes"));
        Assert.That(() => BridgeTransport.Start(new() { Wire = wire, Ssid = new('x', 33) }), Throws.ArgumentException.With.Message.Contains("32 bytes"));
        Assert.That(
            () => BridgeTransport.Start(new() { Wire = wire, Password = new string('s', 65) }),
            Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("0 to 64").And.Message.Not.Contains("sss"));
        Assert.That(() => BridgeTransport.Start(new() { Wire = wire, Port = 0 }), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => BridgeTransport.Start(new() { Wire = wire, SilenceTimeout = TimeSpan.FromSeconds(1) }), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    private static IotLinkClientOptions Options(BridgeTransport host) => new()
    {
        Host = "through the bridge", Id = "host", Timeout = Timeout, Transport = host,
        BackOff = new() { Initial = TimeSpan.FromMilliseconds(100), Cap = TimeSpan.FromSeconds(1) },
    };

    private static List<string> Received(ILink link)
    {
        var lines = new List<string>();
        link.Lines.Subscribe(lines.Add);
        return lines;
    }

    private static async Task WriteAsync(ILink link, int lines)
    {
        for (var line = 0; line < lines; line++)
            await link.WriteAsync(line.ToString(CultureInfo.InvariantCulture));
    }

    private sealed class RecordingLine : IResetLine
    {
        private readonly System.Threading.Channels.Channel<bool> sets = System.Threading.Channels.Channel.CreateUnbounded<bool>();

        public void Set(bool isHeld) => sets.Writer.TryWrite(isHeld);

        public async Task<bool> NextAsync() => await sets.Reader.ReadAsync().AsTask().WaitAsync(IotLinkProcess.Bound);
    }

    private sealed class BadLine : IResetLine
    {
        public void Set(bool isHeld) => throw new InvalidOperationException("no such pin");
    }
}
