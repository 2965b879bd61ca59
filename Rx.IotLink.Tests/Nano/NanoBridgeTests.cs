using System.Globalization;
using System.IO.Ports;
using System.Net;
using System.Reactive.Linq;
using Examples.BridgedHost;
using NUnit.Framework;
using Rx.IotLink;
using Rx.IotLink.Bridge;
using Rx.IotLink.Nano;
using Rx.IotLink.Nano.Bridge;
using Rx.IotLink.Server;

namespace NanoTests;

/// <summary>
/// The device's ends of the wire, with their threads: as a host and as a bridge, with each other and with those of a
/// PC, on a serial cable of Linux (a pair of pseudo-terminals) and against a real server.
/// </summary>
public sealed class NanoBridgeTests
{
    private const int Lines = 100;

    /// <summary>What is on each end of the cable.</summary>
    [TestCase(true, true, 0.0)]
    [TestCase(true, true, 0.002)]
    [TestCase(true, false, 0.002)]
    [TestCase(false, true, 0.002)]
    public async Task Each_line_arrives_once_in_order_though_the_bridge_is_replaced(bool hostIsDevice, bool bridgeIsDevice, double noise)
    {
        using var cable = new SerialCable(seed: 5, noise);
        await using var server = await IotLinkServer.StartAsync(new() { Port = 0, Bind = IPAddress.Loopback, Timeout = TimeSpan.FromSeconds(1), DrainTimeout = TimeSpan.Zero });
        var (up, down) = (new List<string>(), new List<string>());
        using var links = server.Links.Subscribe(link => link.Lines.Subscribe(line => Keep(up, line)));
        var bridge = Bridge(cable, bridgeIsDevice);
        var host = hostIsDevice ? DeviceHost(cable, server.EndPoint.Port, down) : await PcHostAsync(cable, server.EndPoint.Port, down);
        var application = await server.WaitForAsync("host").WaitAsync(Soon.Bound);

        var writing = Task.Run(() =>
        {
            for (var line = 0; line < Lines; line++)
            {
                _ = application.WriteAsync(Text(line));
                host.Write(Text(line));
            }
        });
        for (var lives = 1; lives <= 2; lives++)
        {
            var so = Lines * lives / 4;
            Soon.Holds(() => Count(up) >= so, $"{so} lines of {Lines}, {Count(up)} have come");
            await bridge.DisposeAsync();
            bridge = Bridge(cable, bridgeIsDevice);
        }

        await writing.WaitAsync(Soon.Bound);
        Soon.Holds(() => Count(up) >= Lines && Count(down) >= Lines, "all lines");
        var expected = Enumerable.Range(0, Lines).Select(Text);
        Assert.That(up, Is.EqualTo(expected));
        Assert.That(down, Is.EqualTo(expected));
        Assert.That(application.Counters.Outages, Is.Positive, "a bridge that is replaced is an outage");
        await host.End();
        await bridge.DisposeAsync();
    }

    [Test]
    public void A_bridge_that_is_silent_is_reset()
    {
        using var cable = new SerialCable();
        using var channel = new Channel(cable.Left);
        var line = new Wired();
        var host = new NanoBridgeTransport(channel, "127.0.0.1", 8123, "", "", 0, line);
        Soon.Holds(() => line.Pulses >= 1, "a pulse on the reset line");
        host.Stop();
        Assert.That(line.IsHeld, Is.False);
    }

    [Test]
    public void What_is_out_of_its_limits_is_named()
    {
        using var cable = new SerialCable();
        using var channel = new Channel(cable.Left);
        Assert.That(() => new NanoBridgeTransport(channel, new string('h', 109), 8123, "", "", 0, null), Throws.ArgumentException.With.Message.Contains("server must have at most 108 bytes"));
        Assert.That(() => new NanoBridgeTransport(channel, "h", 0, "", "", 0, null), Throws.ArgumentException.With.Message.Contains("port must be 1 to 65535"));
        Assert.That(() => new NanoBridgeTransport(channel, "h", 1, new string('s', 33), "", 0, null), Throws.ArgumentException.With.Message.Contains("ssid must have at most 32 bytes"));
        Assert.That(() => new NanoBridge(null, null, null), Throws.ArgumentException);
    }

    private static IAsyncDisposable Bridge(SerialCable cable, bool isDevice)
    {
        if (!isDevice)
            return IotLinkBridge.Start(new() { Wire = new SerialTransport(cable.Right) });
        var channel = new Channel(cable.Right);
        var bridge = new NanoBridge(channel, null, null);
        var running = new Thread(bridge.Run) { IsBackground = true };
        running.Start();
        return new Ending(() =>
        {
            bridge.Stop();
            Assert.That(running.Join(Soon.Bound), Is.True);
            channel.Dispose();
            return Task.CompletedTask;
        });
    }

    private static (Action<string> Write, Func<Task> End) DeviceHost(SerialCable cable, int port, List<string> down)
    {
        var channel = new Channel(cable.Left);
        var transport = new NanoBridgeTransport(channel, "127.0.0.1", port, "", "", 0, null);
        var client = IotLinkNanoClient.Start(new NanoClientOptions { Id = "host", Transport = transport, TimeoutMs = 1000, BackOffMs = 50, BackOffCapMs = 200, OnLine = line => Keep(down, line) });
        return (line => Assert.That(client.Write(line, -1), Is.EqualTo(WriteResult.Taken)), () =>
        {
            client.Dispose();
            transport.Stop();
            channel.Dispose();
            return Task.CompletedTask;
        });
    }

    private static Task<(Action<string> Write, Func<Task> End)> PcHostAsync(SerialCable cable, int port, List<string> down)
    {
        var transport = BridgeTransport.Start(new() { Wire = new SerialTransport(cable.Left), Host = "127.0.0.1", Port = port });
        var client = IotLinkClient.Start(new() { Host = "127.0.0.1", Id = "host", Transport = transport, Timeout = TimeSpan.FromSeconds(1), DrainTimeout = TimeSpan.Zero });
        client.Lines.Subscribe(line => Keep(down, line));
        return Task.FromResult<(Action<string>, Func<Task>)>((line => _ = client.WriteAsync(line), async () =>
        {
            await client.DisposeAsync();
            await transport.DisposeAsync();
        }));
    }

    private static string Text(int line) => line.ToString(CultureInfo.InvariantCulture);

    private static void Keep(List<string> lines, string line)
    {
        lock (lines)
            lines.Add(line);
    }

    private static int Count(List<string> lines)
    {
        lock (lines)
            return lines.Count;
    }

    private sealed class Ending(Func<Task> end) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync() => await end();
    }

    /// <summary>What SerialChannel is on the chip.</summary>
    private sealed class Channel : INanoChannel, IDisposable
    {
        private readonly SerialPort port;
        private readonly AutoResetEvent came = new(false);

        public Channel(string name)
        {
            port = new SerialPort(name, 115_200, Parity.None, 8, StopBits.One) { Handshake = Handshake.None };
            port.DataReceived += (_, _) => came.Set();
            port.Open();
        }

        public int Read(byte[] buffer, int offset, int count, int waitMs)
        {
            if (port.BytesToRead == 0)
                came.WaitOne(waitMs, false);
            var there = port.BytesToRead;
            return there == 0 ? 0 : port.Read(buffer, offset, Math.Min(there, count));
        }

        public void Write(byte[] buffer, int offset, int count) => port.Write(buffer, offset, count);

        public void Dispose()
        {
            port.Dispose();
            came.Dispose();
        }
    }

    private sealed class Wired : INanoResetLine
    {
        public int Pulses { get; private set; }

        public bool IsHeld { get; private set; }

        public void Set(bool isHeld)
        {
            Pulses += IsHeld && !isHeld ? 1 : 0;
            IsHeld = isHeld;
        }
    }
}
