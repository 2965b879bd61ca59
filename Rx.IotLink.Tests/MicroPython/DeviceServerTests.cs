using System.Globalization;
using System.Net;
using System.Reactive.Concurrency;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Testing.Tcp;

namespace Rx.IotLink.Tests.MicroPython;

/// <summary>The device's file, as a process with real sockets, against the real server.</summary>
[TestFixture(Interpreter.CPython)]
[TestFixture(Interpreter.MicroPython)]
[Parallelizable(ParallelScope.Self)]
public sealed class DeviceServerTests(string interpreter)
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(40);
    private static readonly byte[] Key = [.. Enumerable.Range(1, 32).Select(n => (byte)n)];
    private static readonly TcpFaultMix Mix = new()
    {
        LeastPeace = TimeSpan.FromMilliseconds(50),
        MostPeace = TimeSpan.FromMilliseconds(300),
        ShortestStall = TimeSpan.FromMilliseconds(700),
        LongestStall = TimeSpan.FromMilliseconds(1000),
        LongestAway = TimeSpan.FromMilliseconds(300),
    };

    [OneTimeSetUp]
    public void Needs() => Interpreter.Need(interpreter);

    /// <summary>
    /// Each line once, in order, in both directions, under eight kinds of fault and through a restart that keeps its
    /// memory. The environment variable MICROPYTHON_FAULTS asks for more of them than the 10 of every day.
    /// </summary>
    [TestCase(true, 7)]
    [TestCase(false, 8)]
    public async Task Nothing_is_lost_or_repeated_under_eight_kinds_of_fault(bool withKey, int seed)
    {
        var most = int.Parse(Environment.GetEnvironmentVariable("MICROPYTHON_FAULTS") ?? "10", CultureInfo.InvariantCulture);
        await using var server = await ServeAsync(withKey);
        await using var proxy = FaultProxy.Start(server.EndPoint);
        await using var device = new Device(interpreter, proxy.EndPoint.Port, withKey ? Convert.ToHexString(Key) : "-");
        device.Start();
        var link = await server.WaitForAsync("pump-1").WaitAsync(Bound);
        var received = Collect(link);
        var faults = 0;
        using var harming = FaultSchedule.Run(proxy, seed, Mix, DefaultScheduler.Instance).Subscribe(_ => Interlocked.Increment(ref faults));

        var written = new List<string>();
        foreach (var (order, until) in new[] { ("restart", most / 2), ("end", most) })
        {
            while (Volatile.Read(ref faults) < until)
                await WriteAsync(string.Create(CultureInfo.InvariantCulture, $"down {written.Count} ä€"));
            if (order == "end")
                harming.Dispose();
            // It may end before the server has heard that it took this line.
            var ordering = WriteAsync(order);
            var last = await device.EndAsync();
            await TestContext.Out.WriteLineAsync($"{faults} faults, {device.Ups} connections, {written.Count} lines down, {last} up");
            if (order == "end")
            {
                Assert.That(received(), Is.EqualTo(Enumerable.Range(1, last).Select(Up)));
                break;
            }

            device.Start();
            await ordering;
        }

        Assert.Multiple(() =>
        {
            Assert.That(device.Received, Is.EqualTo(written));
            Assert.That(device.Accepted, Is.Unique);
            Assert.That(device.Accepted, Is.SubsetOf(Enumerable.Range(1, received().Length)));
            Assert.That(device.Ups, Is.GreaterThan(most / 3));
        });

        async Task WriteAsync(string line)
        {
            written.Add(line);
            await link.WriteAsync(line).WaitAsync(Bound);
        }
    }

    /// <summary>
    /// What a device that loses its memory costs: lines that were under way may come twice, and no other.
    /// </summary>
    [Test]
    public async Task After_a_power_failure_nothing_is_lost_that_was_accepted()
    {
        await using var server = await ServeAsync(withKey: true);
        await using var device = new Device(interpreter, server.EndPoint.Port, Convert.ToHexString(Key));
        device.Start();
        var link = await server.WaitForAsync("pump-1").WaitAsync(Bound);
        var notices = new List<LinkNoticeKind>();
        using var told = link.Notices.Subscribe(notice =>
        {
            lock (notices)
                notices.Add(notice.Kind);
        });
        var received = Collect(link);
        var writes = Enumerable.Range(0, 200).Select(n => link.WriteAsync(Up(n))).ToList();
        await writes[100].WaitAsync(Bound);
        await device.KillAsync();
        var first = (Accepted: device.Accepted, Received: device.Received);

        device.Start(first: 1001);
        await Task.WhenAll(writes).WaitAsync(Bound);
        _ = link.WriteAsync("end");
        var last = await device.EndAsync();

        var second = device.Received.Skip(first.Received.Count).ToList();
        var again = first.Received.Intersect(second, StringComparer.Ordinal).Count();
        await TestContext.Out.WriteLineAsync($"{first.Received.Count} lines before, {second.Count} after, {again} of them again");
        Assert.Multiple(() =>
        {
            var up = received();
            Assert.That(up, Is.SupersetOf(first.Accepted.Select(Up)));
            Assert.That(up, Is.EqualTo(up.Distinct(StringComparer.Ordinal)));
            Assert.That(up.Where(line => line.Length > 6), Is.EqualTo(Enumerable.Range(1001, last - 1000).Select(Up)));
            Assert.That(first.Received, Is.EqualTo(Enumerable.Range(0, first.Received.Count).Select(Up)));
            Assert.That(second, Is.EqualTo(Enumerable.Range(first.Received.Count - again, 200 - first.Received.Count + again).Select(Up).Append("end")));
            Assert.That(again, Is.AtMost(8), "its window");
            lock (notices)
                Assert.That(notices, Does.Contain(LinkNoticeKind.PeerRestarted));
        });
    }

    private static string Up(int n) => string.Create(CultureInfo.InvariantCulture, $"up {n}");

    private static Task<IotLinkServer> ServeAsync(bool withKey) => IotLinkServer.StartAsync(new()
    {
        Port = 0,
        Bind = IPAddress.Loopback,
        Timeout = TimeSpan.FromMilliseconds(500),
        RetryAfter = TimeSpan.FromMilliseconds(20),
        DrainTimeout = TimeSpan.Zero,
        KeyOf = withKey ? id => id == "pump-1" ? Key : (ReadOnlyMemory<byte>?)null : null,
    });

    /// <summary>Observes a link from now on; gives what has come so far.</summary>
    private static Func<string[]> Collect(ILink link)
    {
        var lines = new List<string>();
        link.Lines.Subscribe(line =>
        {
            lock (lines)
                lines.Add(line);
        });
        return () =>
        {
            lock (lines)
                return [.. lines];
        };
    }
}
