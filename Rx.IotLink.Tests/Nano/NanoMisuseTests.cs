using NUnit.Framework;
using Rx.IotLink.Nano;
using Rx.IotLink.Tests.Server.Tools;

namespace NanoTests;

/// <summary>
/// However the application misuses it, and whatever the network says: the device neither crashes nor grows.
/// </summary>
[NonParallelizable]
public sealed class NanoMisuseTests
{
    [TestCase(null, WriteResult.NotALine)]
    [TestCase("two\nlines", WriteResult.NotALine)]
    [TestCase("a\0b", WriteResult.NotALine)]
    [TestCase("", WriteResult.Taken)]
    [TestCase("ok \u20ac \ud83d\ude00 \r", WriteResult.Taken)]
    public void A_line_has_rules(string? line, WriteResult expected)
    {
        using var client = Start(FakeTransport.Admit);
        Assert.That(client.Write(line), Is.EqualTo(expected));
        Assert.That(client.WriteBestEffort(line), Is.EqualTo(expected));
    }

    [Test]
    public void A_line_has_a_length()
    {
        using var client = Start(FakeTransport.Admit);
        Assert.Multiple(() =>
        {
            Assert.That(client.Write(new string('x', 512)), Is.EqualTo(WriteResult.Taken));
            Assert.That(client.Write(new string('x', 513)), Is.EqualTo(WriteResult.TooLong));
            Assert.That(client.Write(new string('\u20ac', 171)), Is.EqualTo(WriteResult.TooLong));
            Assert.That(client.Write(new string('x', 10_000_000)), Is.EqualTo(WriteResult.TooLong));
            Assert.That(client.WriteBestEffort(new string('x', 256)), Is.EqualTo(WriteResult.Taken));
            Assert.That(client.WriteBestEffort(new string('x', 257)), Is.EqualTo(WriteResult.TooLong));
        });
    }

    [Test]
    public void Writing_without_end_is_refused_and_costs_nothing()
    {
        using var client = Start((_, _) => null);
        var taken = 0;
        while (client.Write("reading") == WriteResult.Taken)
            taken++;
        var memory = Heap.Bytes();
        for (var times = 0; times < 100_000; times++)
        {
            Assert.That(client.Write("reading"), Is.EqualTo(WriteResult.Full));
            client.WriteBestEffort("reading");
        }

        Assert.That(Heap.Bytes() - memory, Is.LessThan(100_000));
        Assert.That(taken, Is.EqualTo(32));
        Assert.That(client.Write("reading", 20), Is.EqualTo(WriteResult.Full));
        Assert.That(client.Drain(20), Is.False);
        Assert.That(client.Outbox, Is.EqualTo(32 + 4));
    }

    [Test]
    public void Handlers_that_throw_harm_nobody()
    {
        var transport = new FakeTransport(FakeTransport.Admit);
        var lines = new List<string>();
        using var client = Start(transport, new NanoClientOptions
        {
            OnLine = line =>
            {
                lock (lines)
                    lines.Add(line);
                throw new InvalidOperationException("a handler that throws");
            },
            OnStatus = (_, _) => throw new InvalidOperationException("likewise"),
            OnNotice = _ => throw new InvalidOperationException("likewise"),
        });
        Assert.That(client.WaitUntilUp(40_000), Is.True);
        transport.Last!.Say("+0001a\n+0002b\n-c\n");
        Soon.Holds(() => client.Counters.LinesReceived == 3, "every line is handed over");
        Assert.That(lines, Is.EqualTo(new[] { "a", "b", "c" }));
        Assert.That(client.Counters.Errors, Is.GreaterThanOrEqualTo(3));
        Assert.That(client.IsUp, Is.True);
    }

    [Test]
    public void A_handler_that_blocks_delays_no_keepalive_and_hides_no_outage()
    {
        using var release = new ManualResetEventSlim();
        var keepalives = 0;
        var transport = new FakeTransport((_, said) =>
        {
            if (said.StartsWith("IOTLINK/2 id=", StringComparison.Ordinal))
                return "IOTLINK/2 ok epoch=1 tx=1 window=64 max=1024 timeout=200\n+0001a\n";
            if (said == "~0001\n")
                keepalives++;
            return said is "\n" or "~0001\n" && keepalives < 20 ? "\n" : null;
        });
        using var client = Start(transport, new NanoClientOptions { OnLine = _ => release.Wait(), BackOffMs = 1 });
        Soon.Holds(() => keepalives >= 20, "keepalives that tell what waits");
        Soon.Holds(() => client.Counters.Outages >= 1, "the outage");
        release.Set();
        Soon.Holds(() => client.Counters.LinesReceived == 1, "the line is accepted in the end");
    }

    [Test]
    public void It_can_be_closed_twice_and_from_its_own_handler()
    {
        var transport = new FakeTransport(FakeTransport.Admit);
        var closed = new ManualResetEventSlim();
        IotLinkNanoClient? client = null;
        client = Start(transport, new NanoClientOptions
        {
            OnLine = _ =>
            {
                client!.Dispose();
                closed.Set();
            },
        });
        Assert.That(client.WaitUntilUp(40_000), Is.True);
        transport.Last!.Say("+0001close\n");
        Assert.That(closed.Wait(Soon.Bound), Is.True);
        client.Dispose();
        Assert.Multiple(() =>
        {
            Assert.That(client.Status, Is.EqualTo(LinkStatus.Closed));
            Assert.That(client.Write("x"), Is.EqualTo(WriteResult.Closed));
            Assert.That(client.WriteBestEffort("x"), Is.EqualTo(WriteResult.Closed));
            Assert.That(client.ReadLine(-1), Is.Null);
            Assert.That(client.WaitUntilUp(-1), Is.False);
            Assert.That(transport.Open, Is.Zero);
        });
    }

    [Test]
    public void It_says_farewell()
    {
        var said = new List<string>();
        var transport = new FakeTransport((connection, text) =>
        {
            lock (said)
                said.Add(text);
            return FakeTransport.Admit(connection, text);
        });
        var client = Start(transport, new NanoClientOptions());
        Assert.That(client.WaitUntilUp(40_000), Is.True);
        client.Dispose();
        lock (said)
            Assert.That(said[^1], Is.EqualTo("!bye closed\n"));
        Assert.That(client.Counters.Outages, Is.Zero);
    }

    [Test]
    public void A_server_that_says_garbage_is_left_and_tried_again()
    {
        var random = new Random(1);
        var transport = new FakeTransport((_, said) =>
        {
            var bytes = new byte[random.Next(1, 5000)];
            random.NextBytes(bytes);
            var garbage = new string([.. bytes.Select(b => (char)b)]);
            return (random.Next(2) == 0 ? FakeTransport.Ok : "") + garbage + "\n";
        });
        using var client = Start(transport, new NanoClientOptions { BackOffMs = 0, BackOffCapMs = 1 });
        Soon.Holds(() => client.Counters.Attempts >= 50, "fifty attempts");
        var memory = Heap.Bytes();
        var attempts = client.Counters.Attempts;
        Soon.Holds(() => client.Counters.Attempts >= attempts + 500, "five hundred more");
        Assert.That(Heap.Bytes() - memory, Is.LessThan(300_000));
    }

    [Test]
    public void A_transport_that_throws_everywhere_is_endured()
    {
        var transport = new Hostile();
        using var client = IotLinkNanoClient.Start(new NanoClientOptions { Id = "a", Transport = transport, BackOffMs = 0, BackOffCapMs = 1 });
        Soon.Holds(() => client.Counters.Attempts >= 200, "it goes on trying");
    }

    [Test]
    public void A_NUL_of_the_servers_does_not_cut_a_line_short()
    {
        var transport = new FakeTransport(FakeTransport.Admit);
        using var client = Start(transport, new NanoClientOptions());
        Assert.That(client.WaitUntilUp(40_000), Is.True);
        transport.Last!.Say("+0001a\0b\n");
        Assert.That(client.ReadLine(40_000), Is.EqualTo("a\u001Ab"));
    }

    [Test]
    public void An_inbox_that_is_full_takes_no_more_and_says_so()
    {
        var transport = new FakeTransport(FakeTransport.Admit);
        using var client = Start(transport, new NanoClientOptions { InboxLines = 2 });
        Assert.That(client.WaitUntilUp(40_000), Is.True);
        transport.Last!.Say("+0001a\n-best effort\n+0002b\n+0003c\n");
        Soon.Holds(() => client.Counters.LinesWithheld == 1, "no room for the third, and the best-effort line has its own");
        Assert.That(client.ReadLine(40_000), Is.EqualTo("a"));
        transport.Last!.Say("+0003c\n");
        Assert.That(client.ReadLine(40_000), Is.EqualTo("best effort"));
        Assert.That(client.ReadLine(40_000), Is.EqualTo("b"));
        Assert.That(client.ReadLine(40_000), Is.EqualTo("c"));
    }

    [Test]
    public void Wrong_options_are_named()
    {
        Assert.Multiple(() =>
        {
            Names("Host", new NanoClientOptions { Id = "a" });
            Names("Id", new NanoClientOptions { Host = "h" });
            Names("Id", new NanoClientOptions { Host = "h", Id = "a\tb" });
            Names("Id", new NanoClientOptions { Host = "h", Id = new string('x', 129) });
            Names("Port", new NanoClientOptions { Host = "h", Id = "a", Port = 0 });
            Names("Key.Length", new NanoClientOptions { Host = "h", Id = "a", Key = new byte[15] });
            Names("OutboxBytes", new NanoClientOptions { Host = "h", Id = "a", OutboxBytes = 100 });
            Names("BackOffCapMs", new NanoClientOptions { Host = "h", Id = "a", BackOffCapMs = 1 });
        });

        static void Names(string option, NanoClientOptions options) =>
            Assert.That(() => IotLinkNanoClient.Start(options), Throws.ArgumentException.With.Message.StartWith(option + " "));
    }

    private static IotLinkNanoClient Start(Func<FakeConnection, string, string?> answer) => Start(new FakeTransport(answer), new NanoClientOptions());

    private static IotLinkNanoClient Start(FakeTransport transport, NanoClientOptions options)
    {
        options.Id = "pump-1";
        options.Transport = transport;
        return IotLinkNanoClient.Start(options);
    }

    private sealed class Hostile : INanoTransport, INanoConnection
    {
        private int calls;

        public INanoConnection Create() => Next() == 0 ? throw new InvalidOperationException("create") : this;

        public void Connect() => Throw(1);

        public void SetTimeouts(int milliseconds) => Throw(2);

        public int Receive(byte[] buffer, int offset, int count) => Next() == 3 ? 0 : throw new InvalidOperationException("receive");

        public void Send(byte[] buffer, int offset, int count) => throw new InvalidOperationException("send");

        public void Close() => throw new InvalidOperationException("close");

        private int Next() => Interlocked.Increment(ref calls) % 4;

        private void Throw(int when)
        {
            if (Next() == when)
                throw new InvalidOperationException("again");
        }
    }
}
