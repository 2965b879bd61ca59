using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Reactive.Concurrency;
using System.Text;
using NUnit.Framework;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Tests.Speed;

/// <summary>
/// The thread that has received bytes goes on with code of the application: with writers whose lines are acknowledged,
/// and with observers. A line costs no change of thread and few calls of the system then. Code that blocks there holds
/// up nobody else.
/// </summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[NonParallelizable]
public sealed class LoanTests : IDisposable
{
    private const int Window = 100;

    /// <summary>
    /// A busy machine may stop a thread in the middle of a round: then others take its work over. So most rounds count,
    /// and not each.
    /// </summary>
    private const int Rounds = 31;

    private readonly ManualResetEventSlim released = new();
    private readonly Socket peer = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly SocketConnection connection;
    private readonly Link link;
    private readonly byte[] heard = new byte[65_536];
    private int acknowledged;
    private int said;

    public LoanTests()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        peer.Connect(listener.LocalEndpoint);
        var options = new IotLinkServerOptions { Timeout = TimeSpan.FromMinutes(2) };
        connection = new(listener.AcceptSocket(), DefaultScheduler.Instance, options.Timeout);
        link = new("1", options, version: 2, new ProtocolFactory(options, Role.Server, "1") { Random = bytes => bytes.Fill(1) }.Create);
        link.TryServe(connection, new ClientOpening("1", 1, new SessionOffer(Epoch: 2, Tx: 1, Peer: null, Rx: 0, Seen: 0, Window: 256, Max: 4_000), Nonce: null));
    }

    private SocketWriter Writer => (SocketWriter)connection.Output;

    private SocketReader Reader => (SocketReader)connection.Input;

    public void Dispose()
    {
        released.Set();
        link.Close();
        peer.Dispose();
        released.Dispose();
    }

    [Test]
    public async Task What_a_writer_writes_when_lines_are_acknowledged_goes_in_one_send()
    {
        HearLines(1);
        var writing = WriteAsync(Window * (Rounds + 1));
        HearLines(Window);
        var sends = new List<int>();
        var locks = new List<int>();
        for (var round = 0; round < Rounds; round++)
        {
            var before = (Writer.Sends, link.Steps);
            Acknowledge(Window);
            HearLines(Window);
            sends.Add(Writer.Sends - before.Sends);
            locks.Add(link.Steps - before.Steps);
        }

        Acknowledge(Window);
        await writing.Within();
        Assert.That(Median(sends), Is.EqualTo(1), string.Join(' ', sends));
        // Once for each line that is written, for the acknowledgement of all, and before and after the send.
        Assert.That(Median(locks), Is.EqualTo(Window + 3), string.Join(' ', locks));
    }

    /// <summary>Also lines that together are longer than the first buffer: soon one receive takes them.</summary>
    [TestCase("a line")]
    [TestCase("a line of so many bytes that a hundred of them fill more than one buffer")]
    public async Task Lines_are_handed_out_on_the_thread_that_received_them_and_acknowledged_together(string line)
    {
        if (Environment.ProcessorCount < 2)
            Assert.Pass("With one processor no thread of the pool can be spared.");
        HearLines(1);
        var onPool = 0;
        var all = new SemaphoreSlim(0);
        using var observing = link.Lines.Subscribe(_ =>
        {
            onPool += Thread.CurrentThread.IsThreadPoolThread ? 1 : 0;
            all.Release();
        });
        var sends = new List<int>();
        var locks = new List<int>();
        for (var round = 0; round < Rounds; round++)
        {
            var before = (Writer.Sends, link.Steps);
            Say(Window, line);
            for (var i = 0; i < Window; i++)
                Assert.That(await all.WaitAsync(Bound.Limit));
            HearUntil($"={(ushort)said:x4}\n");
            sends.Add(Writer.Sends - before.Sends);
            locks.Add(link.Steps - before.Steps);
        }

        Assert.That(Median(sends), Is.EqualTo(1), string.Join(' ', sends));
        // Once for the bytes that came, for what the observers have handled, and after the send.
        Assert.That(Median(locks), Is.EqualTo(3), string.Join(' ', locks));
        Assert.That(onPool, Is.GreaterThan(Rounds * Window / 2));
    }

    [Test]
    public void No_receive_finds_nothing()
    {
        HearLines(1);
        using var observing = link.Lines.Subscribe(_ => { });
        var before = Reader.EmptyReceives;
        for (var round = 0; round < Rounds; round++)
        {
            Say(Window);
            HearUntil($"={(ushort)said:x4}\n");
        }

        Assert.That(Reader.EmptyReceives - before, Is.LessThan(Rounds / 4));
    }

    /// <summary>The thread that begins to serve has other work: a server that is to stop waits for it.</summary>
    [Test]
    public async Task An_observer_of_lines_that_came_before_the_connection_was_served_does_not_block_who_serves_it()
    {
        HearLines(1);
        link.Dismiss(link.Serving!, "bye", new Outage(OutageReason.ClosedHere, "the next one follows"));
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var early = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await early.ConnectAsync(listener.LocalEndpoint);
        await early.SendAsync("+0001early\n"u8.ToArray());
        var accepted = await listener.AcceptSocketAsync();
        Assert.That(accepted.Poll(Bound.Limit, SelectMode.SelectRead), "the line has come");
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var observing = link.Lines.Subscribe(_ =>
        {
            entered.SetResult();
            released.Wait();
        });

        var serving = Task.Run(() => link.TryServe(
            new SocketConnection(accepted, DefaultScheduler.Instance, TimeSpan.FromMinutes(2)),
            new ClientOpening("1", 2, new SessionOffer(Epoch: 3, Tx: 1, Peer: null, Rx: 0, Seen: 0, Window: 256, Max: 4_000), Nonce: null)));

        await entered.Task.Within("the observer blocks");
        Assert.That(await serving.Within("it is served all the same"), Is.Not.Null);
        released.Set();
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(2)]
    public async Task A_writer_that_blocks_when_its_line_is_accepted_holds_up_no_other_and_what_it_wrote_before_is_sent(int which)
    {
        HearLines(1);
        var blocks = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var writers = Enumerable.Range(0, 3).Select(i => i == which ? WriteAndBlockAsync(blocks) : WriteOneAsync()).ToList();
        HearLines(3);

        Acknowledge(3);

        await blocks.Task.Within("one writer blocks");
        await Task.WhenAll(writers.Where((_, i) => i != which)).Within("the others go on");
        HearLines(1);
        Acknowledge(1);
        released.Set();
        await writers[which].Within();
    }

    [TestCase(1)]
    [TestCase(2)]
    public async Task A_writer_that_blocks_holds_up_no_line_that_came_with_its_acknowledgement(int writers)
    {
        HearLines(1);
        var observed = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var observing = link.Lines.Subscribe(line => observed.TrySetResult(line));
        var blocks = Enumerable.Range(0, writers).Select(_ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).ToList();
        var writing = blocks.Select(WriteAndBlockAsync).ToList();
        HearLines(writers);

        Send($"={(ushort)writers:x4}\n+0001a line\n");

        await Task.WhenAll(blocks.Select(b => b.Task)).Within("every writer blocks");
        Assert.That(await observed.Task.Within("the line is handed out"), Is.EqualTo("a line"));
        acknowledged = writers;
        Acknowledge(writers);
        released.Set();
        await Task.WhenAll(writing).Within();
    }

    [Test]
    public async Task A_writer_that_waits_there_for_its_next_line_gets_its_acknowledgement()
    {
        HearLines(1);
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var writers = new[] { WriteOneAsync(), WaitInsideAsync() };
        HearLines(2);
        Acknowledge(2);
        await entered.Task.Within();
        HearLines(1);
        Acknowledge(1);

        await Task.WhenAll(writers).Within();

        async Task WaitInsideAsync()
        {
            await link.WriteAsync("first").ConfigureAwait(false);
            entered.SetResult();
#pragma warning disable VSTHRD103, CA1849, VSTHRD002 // What is tried.
            link.WriteAsync("second").Wait();
#pragma warning restore VSTHRD103, CA1849, VSTHRD002
        }
    }

    private async Task WriteOneAsync() => await link.WriteAsync("line").ConfigureAwait(false);

    private async Task WriteAndBlockAsync(TaskCompletionSource blocks)
    {
        await link.WriteAsync("line").ConfigureAwait(false);
        var last = link.WriteAsync("written before it blocks");
        blocks.SetResult();
        released.Wait();
        await last.ConfigureAwait(false);
    }

    /// <summary>As one writer does that waits for the oldest of its lines.</summary>
    private async Task WriteAsync(int lines)
    {
        var writes = new Task[Window];
        Array.Fill(writes, Task.CompletedTask);
        for (var i = 0; i < lines; i++)
        {
            await writes[i % Window].ConfigureAwait(false);
            writes[i % Window] = link.WriteAsync(i.ToString(CultureInfo.InvariantCulture));
        }

        await Task.WhenAll(writes).ConfigureAwait(false);
    }

    private static int Median(List<int> of) => of.Order().ElementAt(of.Count / 2);

    private void Say(int lines, string line = "a line")
    {
        var all = string.Concat(Enumerable.Range(0, lines).Select(_ => $"+{(ushort)++said:x4}{line}\n"));
        Send(all);
    }

    private void Send(string text) => peer.Send(Encoding.ASCII.GetBytes(text));

    private void Acknowledge(int lines)
    {
        acknowledged += lines;
        Send($"={(ushort)acknowledged:x4}\n");
    }

    private void HearLines(int lines)
    {
        for (var found = 0; found < lines;)
            found += heard.AsSpan(0, Hear()).Count((byte)'\n');
    }

    private void HearUntil(string end)
    {
        var all = "";
        while (!all.EndsWith(end, StringComparison.Ordinal))
            all += Encoding.ASCII.GetString(heard, 0, Hear());
    }

    private int Hear()
    {
        peer.ReceiveTimeout = (int)Bound.Limit.TotalMilliseconds;
        var count = peer.Receive(heard);
        Assert.That(count, Is.Positive, "the link has ended the connection");
        return count;
    }
}
