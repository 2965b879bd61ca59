using System.Collections.Concurrent;
using System.Reactive.Linq;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Testing;
using Rx.IotLink.Tests.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Received;

/// <summary>What a process had and did not accept comes again to the next one, and is known by its name.</summary>
public sealed class ReceivedAgainTests : ServerTest
{
    [TestCase(MemoryAfterCrash.Kept)]
    [TestCase(MemoryAfterCrash.Lost)]
    public void A_line_that_comes_again_to_the_next_process_has_its_name_still(MemoryAfterCrash memory)
    {
        var received = new List<(string Text, LineId Line, int Process)>();
        using var network = SimulatedNetwork.On(new TestScheduler());
        SimulatedServer server = null!;
        server = network.AddServer(app: (process, _) => process.Links.SelectMany(l => l.Received).Subscribe(line =>
        {
            received.Add((line.Text, line.Line, server.Starts));
            // The first process leaves three open, the second has all.
            if (server.Starts > 1 || received.Count <= 4)
                line.Accept();
        }));
        var device = network.AddDevice("1", server);
        foreach (var n in Enumerable.Range(0, 7))
            device.Link.Writer.OnNext($"{n}");
        network.RunFor(5.s());
        Assert.That(received, Has.Count.EqualTo(7));
        server.Crashes(at: network.Now + 1.s(), lasting: 1.s(), memory);
        network.RunFor(30.s());

        Assert.That(received.Where(r => r.Process == 2).Select(r => r.Text), Is.EqualTo(["4", "5", "6"]));
        Assert.That(received.Where(r => r.Process == 2).Select(r => r.Line), Is.EqualTo(received.Skip(4).Take(3).Select(r => r.Line)));
        Assert.That(received.Select(r => r.Line).Distinct().Count(), Is.EqualTo(7));
        Assert.That(device.Link.Counters.Outbox, Is.Zero);
    }

    [Test]
    public void The_next_process_of_the_writer_gives_a_kept_line_the_same_name()
    {
        var received = new List<ReceivedLine>();
        using var network = SimulatedNetwork.On(new TestScheduler());
        var server = network.AddServer(app: (process, _) => process.Links.SelectMany(l => l.Received).Subscribe(received.Add));
        var device = network.AddDevice("1", server);
        foreach (var n in Enumerable.Range(0, 3))
            device.Link.Writer.OnNext($"{n}");
        network.RunFor(5.s());
        // Both ends lose their processes; that of the server has accepted nothing.
        device.Crashes(at: network.Now + 1.s(), lasting: 1.s(), MemoryAfterCrash.Kept);
        server.Crashes(at: network.Now + 1.s(), lasting: 1.s(), MemoryAfterCrash.Kept);
        network.RunFor(30.s());

        Assert.That(received.Select(l => l.Text), Is.EqualTo(["0", "1", "2", "0", "1", "2"]));
        Assert.That(received.Skip(3).Select(l => l.Line), Is.EqualTo(received.Take(3).Select(l => l.Line)));
    }

    /// <summary>
    /// Protocol 1 has no numbers: what comes again to another process has another name, but no name comes twice.
    /// </summary>
    [Test]
    public void With_protocol_1_no_name_comes_twice_though_a_line_does()
    {
        var received = new List<ReceivedLine>();
        using var network = SimulatedNetwork.On(new TestScheduler());
        var server = network.AddServer(app: (process, _) => process.Links.SelectMany(l => l.Received).Subscribe(received.Add));
        var device = network.AddDevice("1", server, o => o with { Protocol = 1 });
        device.Link.Writer.OnNext("0");
        network.RunFor(5.s());
        server.Crashes(at: network.Now + 1.s(), lasting: 1.s(), MemoryAfterCrash.Kept);
        network.RunFor(30.s());

        Assert.That(received.Select(l => l.Text), Is.EqualTo(["0", "0"]));
        Assert.That(received.Select(l => l.Line).Distinct().Count(), Is.EqualTo(2));
    }

    [Test]
    public async Task A_handler_that_blocks_its_thread_delays_no_other_device()
    {
        var server = await StartServerAsync();
        using var released = new ManualResetEventSlim();
        var processed = new Recorder<string>();
        using var processing = server.Process((line, _) =>
        {
            if (line.DeviceId == "blocks")
                released.Wait(CancellationToken.None);
            processed.OnNext(line.Text);
            return Task.CompletedTask;
        });
        var (blocks, good) = (StartClient(server, "blocks"), StartClient(server, "good"));
        var blocked = blocks.WriteAsync("blocked");
        await Task.WhenAll(Enumerable.Range(0, 100).Select(n => good.WriteAsync($"{n}"))).Within();
        Assert.That(blocked.IsCompleted, Is.False);
        Assert.That(processed.Values, Is.EqualTo(Enumerable.Range(0, 100).Select(n => $"{n}")));

        released.Set();
        await blocked.Within();
    }

    /// <summary>Many threads accept at once, in any order, while lines come and observers come and go.</summary>
    [Test]
    public async Task Lines_that_threads_accept_in_any_order_are_each_given_and_acknowledged_once()
    {
        const int Count = 5_000;
        var server = await StartServerAsync();
        var client = StartClient(server);
        var link = await server.WaitForAsync("1").Within();
        var given = new ConcurrentQueue<ReceivedLine>();
        using var observing = link.Received.Subscribe(line =>
        {
            given.Enqueue(line);
            ThreadPool.QueueUserWorkItem(static l => l.Accept(), line, preferLocal: false);
        });
        using var coming = link.Received.Take(1).Do(line => line.Accept()).Repeat().Subscribe();

        await Task.WhenAll(Enumerable.Range(0, Count).Select(n => client.WriteAsync($"{n}"))).Within();

        Assert.That(given.Select(l => l.Text), Is.EqualTo(Enumerable.Range(0, Count).Select(n => $"{n}")));
        Assert.That(given.Select(l => l.Line.Number), Is.EqualTo(Enumerable.Range(1, Count).Select(n => (ulong)n)));
        Assert.That((link.Counters.LinesReceived, link.Counters.Inbox), Is.EqualTo((Count, 0)));
    }
}
