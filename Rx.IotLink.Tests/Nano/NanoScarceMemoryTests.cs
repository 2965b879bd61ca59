using System.Net;
using System.Reflection;
using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink;
using Rx.IotLink.Server;

namespace NanoTests;

/// <summary>
/// A moment without memory costs at most an outage: the threads live on, the sockets are closed, and each line arrives
/// once and in order.
/// </summary>
[NonParallelizable]
public sealed class NanoScarceMemoryTests
{
    private const int InTurn = 300;

    private readonly List<string> there = [];
    private readonly List<string> here = [];

    [Test]
    public async Task Memory_is_refused_at_each_place_in_turn_and_then_for_longer()
    {
        await using var server = await IotLinkServer.StartAsync(new IotLinkServerOptions { Port = 0, Bind = IPAddress.Loopback, Timeout = TimeSpan.FromMilliseconds(500), DrainTimeout = TimeSpan.Zero });
        var scarce = ScarceMemory.Sources.Type("Scarce");
        Action<int, int> refuse = scarce.GetMethod("Refuse")!.CreateDelegate<Action<int, int>>();
        Action end = scarce.GetMethod("End")!.CreateDelegate<Action>();
        dynamic transport = Activator.CreateInstance(ScarceMemory.Sources.Type("CountedTransport"), "127.0.0.1", server.EndPoint.Port)!;
        using var subscription = server.Links.Subscribe(link => link.Lines.Subscribe(line =>
        {
            lock (there)
                there.Add(line);
        }));
        dynamic client = Start(transport);
        Assert.That((bool)client.WaitUntilUp(40_000), Is.True);
        var link = server.Find("pump-1")!;

        var round = 0;
        try
        {
            foreach (var (after, times) in Moments())
            {
                refuse(after, times);
                var line = $"line {round++}";
                var down = link.WriteAsync(line);
                Soon.Holds(() => IsTaken(client, line), $"{line} is taken after memory was refused {times} times after {after}");
                var arrived = SpinWait.SpinUntil(() => Count(there) == round && Count(here) == round, Soon.Bound);
                end();
                Assert.That(arrived, Is.True, () => $"{line} arrives, after memory was refused {times} times after {after}: up {Count(there)}, down {Count(here)} of {round}, {link.Counters}, {client.Counters.Attempts} attempts, {client.Counters.Connections} connections, {client.Counters.Errors} errors, outbox {client.Outbox}, {transport.Open} open, because {Why(client)}");
                await down.WaitAsync(Soon.Bound);
            }
        }
        finally
        {
            end();
        }

        var refused = (int)scarce.GetField("Refused")!.GetValue(null)!;
        await TestContext.Out.WriteLineAsync($"{refused} refusals in {round} moments, {(int)client.Counters.Connections} connections, {(int)transport.Open} open");
        Assert.That(there, Is.EqualTo(Enumerable.Range(0, round).Select(n => $"line {n}")));
        Assert.That(here, Is.EqualTo(Enumerable.Range(0, round).Select(n => $"line {n}")));
        Assert.That(refused, Is.GreaterThan(round), "it was scarce");
        Assert.That((int)transport.Open, Is.LessThanOrEqualTo(1));
        client.Dispose();
        Assert.That((int)transport.Open, Is.Zero, "no socket is left");
    }

    private static IEnumerable<(int After, int Times)> Moments() =>
        [.. Enumerable.Range(0, InTurn).Select(after => (after, 1)), .. Enumerable.Range(0, 60).Select(n => (n * 5, 1 << (n % 12)))];

    private static int Count(List<string> lines)
    {
        lock (lines)
            return lines.Count;
    }

    /// <summary>The call itself needs memory, and may be refused it: then nothing was taken.</summary>
    private static bool IsTaken(dynamic client, string line)
    {
        try
        {
            return (int)client.Write(line) == 0;
        }
        catch (OutOfMemoryException)
        {
            return false;
        }
    }

    private object Start(object transport)
    {
        dynamic options = Activator.CreateInstance(ScarceMemory.Sources.Type("NanoClientOptions"))!;
        options.Id = "pump-1";
        options.Transport = (dynamic)transport;
        options.TimeoutMs = 500;
        options.BackOffMs = 1;
        options.BackOffCapMs = 10;
        var handler = ScarceMemory.Sources.Type("LineHandler");
        options.OnLine = (dynamic)Delegate.CreateDelegate(handler, this, nameof(Heard));
        return ScarceMemory.Sources.Type("IotLinkNanoClient").GetMethod("Start")!.Invoke(null, [(object)options])!;
    }

    private static object? Why(object client) => Field(Field(client, "core")!, "why");

    private static object? Field(object of, string name) => of.GetType().GetField(name, BindingFlags.Instance | BindingFlags.NonPublic)!.GetValue(of);

    private void Heard(string line)
    {
        lock (here)
            here.Add(line);
    }
}
