using System.Globalization;
using System.Net;
using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink;
using Rx.IotLink.Nano;
using Rx.IotLink.Nano.Bridge;
using Rx.IotLink.Server;

namespace NanoTests;

/// <summary>
/// The device as host and as bridge, with their threads, on a simulated I2C bus, against a real server.
/// </summary>
public sealed class NanoI2cTests
{
    private const int Lines = 60;

    [TestCase(128, 0, 0, false)]
    [TestCase(128, 0.002, 0.03, false)]
    [TestCase(16, 0.002, 0.03, false)]
    [TestCase(128, 0.001, 0.01, true)]
    public async Task Each_line_arrives_once_in_order_though_the_bridge_is_replaced_and_the_bus_gets_stuck(int room, double noise, double refusals, bool isDeaf)
    {
        using var bus = new SimulatedI2c(seed: 7, room) { Noise = noise, Refusals = refusals, IsDeaf = isDeaf };
        await using var server = await IotLinkServer.StartAsync(new() { Port = 0, Bind = IPAddress.Loopback, Timeout = TimeSpan.FromSeconds(1), DrainTimeout = TimeSpan.Zero });
        var (up, down) = (new List<string>(), new List<string>());
        using var links = server.Links.Subscribe(link => link.Lines.Subscribe(line => Keep(up, line)));
        var bridge = new Life(bus);
        var transport = new NanoBridgeTransport(new NanoI2cHostChannel(bus), "127.0.0.1", server.EndPoint.Port, "", "", 0, null);
        var client = IotLinkNanoClient.Start(new NanoClientOptions { Id = "host", Transport = transport, TimeoutMs = 1000, BackOffMs = 50, BackOffCapMs = 200, OnLine = line => Keep(down, line) });
        try
        {
            var application = await server.WaitForAsync("host").WaitAsync(Soon.Bound);
            var writing = Task.Run(() =>
            {
                for (var line = 0; line < Lines; line++)
                {
                    _ = application.WriteAsync(Text(line));
                    Assert.That(client.Write(Text(line), -1), Is.EqualTo(WriteResult.Taken));
                }
            });
            Soon.Holds(() => Count(up) >= Lines / 4, $"a quarter of {Lines} lines");
            bridge.End();
            bus.Replace();
            bridge = new Life(bus);
            Soon.Holds(() => Count(up) >= Lines / 2, $"half of {Lines} lines, {Count(up)} have come");
            bus.IsStuck = true;
            await writing.WaitAsync(Soon.Bound);
            Soon.Holds(() => Count(up) >= Lines && Count(down) >= Lines, "all lines");

            var (lost, repeated, disordered) = Sums(up);
            await TestContext.Out.WriteLineAsync($"lost {lost}, repeated {repeated}, out of order {disordered}; {bus.Damaged} bytes damaged, {bus.Stale} stale, {bus.Refused} transfers of {bus.Reads} refused, {bus.Recoveries} recoveries, {client.Counters.Outages} outages");
            Assert.That((lost, repeated, disordered), Is.EqualTo((0, 0, 0)));
            Assert.That(Sums(down), Is.EqualTo((0, 0, 0)));
            Assert.That(noise == 0 || bus.Damaged > 0, Is.True);
        }
        finally
        {
            client.Dispose();
            transport.Stop();
            bridge.End();
        }
    }

    [Test]
    public void A_bus_on_which_nobody_answers_is_said_and_set_up_anew()
    {
        using var bus = new SimulatedI2c(seed: 1, room: 128) { Refusals = 1 };
        var channel = new NanoI2cHostChannel(bus);
        Assert.That(() => channel.Write([1, 2, 3], 0, 3), Throws.InstanceOf<IOException>().With.Message.Contains("does not acknowledge"));
        Assert.That(bus.Recoveries, Is.EqualTo(1));
        Assert.That(() => new NanoI2cHostChannel(null), Throws.ArgumentNullException);
        Assert.That(() => new NanoI2cBridgeChannel(null), Throws.ArgumentNullException);
    }

    [Test]
    public void What_a_master_reads_too_much_is_not_taken_and_the_wire_goes_low()
    {
        using var bus = new SimulatedI2c(seed: 1, room: 128);
        var (host, bridge) = (new NanoI2cHostChannel(bus), new NanoI2cBridgeChannel(bus));
        var said = Enumerable.Range(1, 50).Select(n => (byte)n).ToArray();
        var (heard, buffer) = (new List<byte>(), new byte[64]);
        bridge.Write(said, 0, said.Length);
        Assert.That(((INanoI2cHost)bus).IsAttention, Is.True);
        for (int count; (count = host.Read(buffer, 0, buffer.Length, 300)) > 0;)
        {
            heard.AddRange(buffer.AsSpan(0, count));
            bridge.Read(buffer, 0, buffer.Length, 0);
        }

        Assert.That(heard, Is.EqualTo(said));
        bridge.Read(buffer, 0, buffer.Length, 20);
        Assert.That(((INanoI2cHost)bus).IsAttention, Is.False);
        Assert.That(bus.Stale, Is.Positive, "it was read when it had nothing");
    }

    private static (int Lost, int Repeated, int Disordered) Sums(List<string> lines)
    {
        lock (lines)
        {
            var numbers = lines.ConvertAll(line => int.Parse(line, CultureInfo.InvariantCulture));
            return (Lines - numbers.Distinct().Count(), numbers.Count - numbers.Distinct().Count(), numbers.Zip(numbers.Skip(1)).Count(pair => pair.First >= pair.Second));
        }
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

    /// <summary>One life of the bridge.</summary>
    private sealed class Life
    {
        private readonly NanoBridge bridge;
        private readonly Thread running;

        public Life(SimulatedI2c bus)
        {
            bridge = new NanoBridge(new NanoI2cBridgeChannel(bus), null, null);
            running = new Thread(bridge.Run) { IsBackground = true };
            running.Start();
        }

        public void End()
        {
            bridge.Stop();
            Assert.That(running.Join(Soon.Bound), Is.True);
        }
    }
}
