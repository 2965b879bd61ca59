using System.Net;
using System.Runtime.CompilerServices;
using System.Text;
using NUnit.Framework;
using Rx.IotLink.Nano;
using Rx.IotLink.Nano.Protocol;
using Rx.IotLink.Server;

namespace NanoTests;

/// <summary>
/// Memory is counted: what a link holds as the device's interpreter takes it, and what is allocated while it runs.
/// </summary>
[NonParallelizable]
public sealed class NanoMemoryTests
{
    private static readonly byte[] Key = new byte[32];

    [TestCase(false, true, 12)]
    [TestCase(true, true, 12)]
    [TestCase(true, false, 11)]
    public async Task A_link_fits(bool withKey, bool withHandlers, int mostKilobytes)
    {
        await using var server = await IotLinkServer.StartAsync(new IotLinkServerOptions
        {
            Port = 0, Bind = IPAddress.Loopback, KeyOf = withKey ? _ => Key : null, DrainTimeout = TimeSpan.Zero,
        });
        var options = new NanoClientOptions { Host = "127.0.0.1", Port = server.EndPoint.Port, Id = "pump-1", Key = withKey ? Key : null };
        if (withHandlers)
            (options.OnLine, options.OnStatus) = (static _ => { }, static (_, _) => { });
        using var client = IotLinkNanoClient.Start(options);
        Assert.That(client.WaitUntilUp(40_000), Is.True);

        var heap = Heap(client, withHandlers);
        await TestContext.Out.WriteLineAsync($"up: {heap.Bytes} bytes\n{string.Join('\n', heap.Parts)}");
        Assert.That(heap.Bytes, Is.LessThanOrEqualTo(mostKilobytes * 1024));

        var (line, lines) = (new string('x', 40), 0);
        await server.StopAsync(new CancellationToken(canceled: true));
        while (client.Write(line) == WriteResult.Taken)
            lines++;
        Assert.That(lines, Is.GreaterThan(20));
        Assert.That(Heap(client, withHandlers).Bytes, Is.LessThanOrEqualTo(heap.Bytes), "a full outbox needs no more");
    }

    [Test]
    public async Task A_flash_costs_its_own_memory_and_nothing_where_there_is_none()
    {
        await using var server = await IotLinkServer.StartAsync(new IotLinkServerOptions { Port = 0, Bind = IPAddress.Loopback, DrainTimeout = TimeSpan.Zero });
        var flash = new PowerCutFlash();
        var (without, with) = (await UpAsync(null), await UpAsync(flash));
        await TestContext.Out.WriteLineAsync($"without: {without.Bytes} bytes, with a flash: {with.Bytes}\n{string.Join('\n', with.Parts)}");

        Assert.That(without.Parts, Has.None.Contain("Keep").And.None.Contain("FlashLog").And.None.Contain("Recovery"));
        Assert.That(with.Parts, Has.Some.Contain("Keeper"));
        // The batch's head goes into the output's buffer, too.
        Assert.That(with.Bytes - without.Bytes, Is.InRange(300, 800));

        async Task<InterpreterHeap> UpAsync(PowerCutFlash? kept)
        {
            var options = new NanoClientOptions { Host = "127.0.0.1", Port = server.EndPoint.Port, Id = kept is null ? "pump-1" : "pump-2", Flash = kept };
            using var client = IotLinkNanoClient.Start(options);
            Assert.That(client.WaitUntilUp(40_000), Is.True);
            await server.WaitForAsync(options.Id).WaitAsync(Soon.Bound);
            Soon.Holds(() => kept is null || kept.Writes == 2, "it has its state");
            return Heap(client, withHandlers: false, apart: kept);
        }
    }

    private static InterpreterHeap Heap(IotLinkNanoClient client, bool withHandlers, object? apart = null)
    {
        var heap = new InterpreterHeap(NanoProject.Library.Sources.Where(s => !s.EndsWith("AssemblyInfo.cs", StringComparison.Ordinal)));
        if (apart is not null)
            heap.Except(apart);
        heap.Add(client);
        // What the threads run is held by them alone.
        heap.Add(RuntimeHelpers.GetUninitializedObject(typeof(PumpThread)));
        if (withHandlers)
            heap.Add(RuntimeHelpers.GetUninitializedObject(typeof(TellThread)));
        heap.AddThread("link's thread, reading", platformFrames: 2, waitsForEvent: false, "LinkThread.Run", "TcpConnection.Receive");
        heap.AddThread("pump's thread, waiting", platformFrames: 1, waitsForEvent: true, "PumpThread.Run");
        if (withHandlers)
            heap.AddThread("teller's thread, waiting", platformFrames: 1, waitsForEvent: true, "TellThread.Run");
        return heap;
    }

    [Test]
    public void A_session_allocates_nothing_per_keepalive_nor_per_line()
    {
        var end = new Quiet();
        var session = new Session(NanoEnd.Settings(), end, new HmacSha256(), end);
        var ok = "IOTLINK/2 ok epoch=1 tx=1 window=64 max=1024 timeout=2000\n"u8.ToArray();
        byte[] keepalive = "\n"u8.ToArray(), accepted = "=0000\n"u8.ToArray(), line = "+0000hello\n"u8.ToArray(), own = "mine"u8.ToArray();
        session.Connect(0);
        session.Fill(0);
        session.Receive(ok, 0, ok.Length, 0);
        session.Fill(0);
        long now = 0;
        Round(1);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var times = 2; times <= 1000; times++)
            Round(times);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);

        void Round(int number)
        {
            now += 500;
            session.Receive(keepalive, 0, 1, now);
            session.Elapse(now);
            Assume(session.Fill(now) == 1);
            session.Write(own, own.Length);
            Assume(session.Fill(now) > 0);
            Number(accepted, number);
            session.Receive(accepted, 0, accepted.Length, now);
            Assume(session.Waiting == 0);
            Number(line, number);
            session.Receive(line, 0, line.Length, now);
            session.Accept();
            Assume(session.Fill(now) == 6);
        }

        static void Assume(bool so)
        {
            if (!so)
                throw new InvalidOperationException("The session did not do what the measurement is about.");
        }

        static void Number(byte[] line, int number)
        {
            for (var at = 4; at >= 1; at--, number >>= 4)
                line[at] = (byte)"0123456789abcdef"[number & 15];
        }
    }

    /// <summary>
    /// On a busy machine a thread may stand still for longer than the link's timeout. The outage that follows allocates
    /// as any outage does, so it is measured again: of some attempts one is quiet.
    /// </summary>
    [Test]
    public void The_threads_allocate_nothing_per_keepalive()
    {
        const int Attempts = 10;
        for (var attempt = 1; !AllocateNothingPerKeepalive(); attempt++)
            Assert.That(attempt, Is.LessThan(Attempts), "each time the link went down");
    }

    /// <returns>False: there was an outage, and nothing is measured.</returns>
    private static bool AllocateNothingPerKeepalive()
    {
        const int Times = 2000;
        long firstSend = 0, lastSend = 0, firstReceive = 0, lastReceive = 0;
        int sends = 0, receives = 0;
        using var enough = new ManualResetEventSlim();
        var keepalive = "\n"u8.ToArray();
        using var transport = new Script(
            send: _ =>
            {
                if (++sends == 20)
                    firstSend = GC.GetAllocatedBytesForCurrentThread();
                lastSend = GC.GetAllocatedBytesForCurrentThread();
            },
            receive: buffer =>
            {
                if (receives == 0)
                {
                    var ok = "IOTLINK/2 ok epoch=1 tx=1 window=64 max=1024 timeout=100\n"u8;
                    ok.CopyTo(buffer);
                    receives++;
                    return ok.Length;
                }

                if (++receives == 100)
                    firstReceive = GC.GetAllocatedBytesForCurrentThread();
                lastReceive = GC.GetAllocatedBytesForCurrentThread();
                if (receives >= Times && sends >= 40)
                    enough.Set();
                if (receives >= Times)
                    Thread.Yield();
                keepalive.CopyTo(buffer, 0);
                return 1;
            });
        using var client = IotLinkNanoClient.Start(new NanoClientOptions { Id = "pump-1", Transport = transport });
        WaitHandle.WaitAny([enough.WaitHandle, transport.Ended.WaitHandle], Soon.Bound);
        if (transport.Ended.IsSet)
            return false;
        Assert.That(enough.IsSet, Is.True);
        var (received, sent) = (lastReceive - firstReceive, lastSend - firstSend);
        TestContext.Out.WriteLine($"{receives} keepalives heard: {received} bytes; {sends} said: {sent} bytes");
        Assert.That(received, Is.LessThan(Times), "not even a byte each");
        Assert.That(sent, Is.LessThan(100), "what the first lock that two threads want costs, and nothing more");
        return true;
    }

    [Test]
    public void Writing_a_line_costs_the_line_and_no_more()
    {
        using var client = IotLinkNanoClient.Start(new NanoClientOptions { Id = "pump-1", Transport = new FakeTransport((_, _) => null), OutboxLines = 4000, OutboxBytes = 65_536 });
        var line = new string('x', 15);
        var own = Encoding.UTF8.GetByteCount(line) + 24 + 8;
        for (var times = 0; times < 100; times++)
            client.Write(line);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var times = 0; times < 1000; times++)
            client.Write(line);
        Assert.That((GC.GetAllocatedBytesForCurrentThread() - before) / 1000.0, Is.LessThanOrEqualTo(own));
    }

    /// <summary>A host that takes no note, and chance that is none.</summary>
    private sealed class Quiet : ISessionHost, IRandomSource
    {
        public void Fill(byte[] bytes) => bytes.AsSpan().Fill(7);

        public void Opened()
        {
        }

        public void Heartbeat()
        {
        }

        public void Arrived(byte[] bytes, int offset, int count)
        {
        }

        public void Finished(bool exactlyOnce, byte[] bytes, int offset, int count)
        {
        }

        public void Impossible(byte[] bytes, int offset, int count)
        {
        }

        public void Repeated()
        {
        }

        public void Duplicate()
        {
        }

        public void Withheld()
        {
        }

        public void Notice(SessionNotice notice, ulong first, ulong last)
        {
        }

        public void Leave(LeaveReason reason, int retryMs, string text)
        {
        }
    }

    /// <summary>One connection of two functions.</summary>
    private sealed class Script(Action<int> send, Func<byte[], int> receive) : INanoTransport, INanoConnection, IDisposable
    {
        private readonly ManualResetEventSlim opened = new();
        private bool closed;

        /// <summary>The connection was given up.</summary>
        public ManualResetEventSlim Ended { get; } = new();

        public INanoConnection Create() => this;

        public void Connect()
        {
        }

        public void SetTimeouts(int milliseconds)
        {
        }

        public int Receive(byte[] buffer, int offset, int count)
        {
            opened.Wait();
            return closed ? 0 : receive(buffer);
        }

        public void Send(byte[] buffer, int offset, int count)
        {
            send(count);
            opened.Set();
        }

        public void Close()
        {
            closed = true;
            Ended.Set();
            opened.Set();
        }

        public void Dispose()
        {
            opened.Dispose();
            Ended.Dispose();
        }
    }
}
