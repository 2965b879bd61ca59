using System.Globalization;
using System.Net;
using Esp32Sensor;
using NUnit.Framework;
using Rx.IotLink;
using Rx.IotLink.Nano;
using Rx.IotLink.Server;

namespace NanoTests;

/// <summary>A device with a flash, with its threads and real sockets, against the real server.</summary>
[Parallelizable(ParallelScope.Self)]
public sealed class NanoFlashServerTests
{
    [Test]
    public async Task Through_losses_of_power_and_outages_each_kept_line_arrives_once()
    {
        const int Lives = 12;
        await using var server = await IotLinkServer.StartAsync(ServerOptions());
        using var relay = new Relay(server.EndPoint);
        var received = new List<int>();
        var maybe = new HashSet<int>();
        using var subscription = server.Links.Subscribe(link => link.Lines.Subscribe(line =>
        {
            lock (received)
                received.Add(int.Parse(line, CultureInfo.InvariantCulture));
        }));
        var (flash, random, n) = (new PowerCutFlash(), new Random(5), 0);
        for (var life = 0; life < Lives; life++)
        {
            using var client = IotLinkNanoClient.Start(Options(relay.Port, flash));
            Write(client, 5);
            Assert.That(client.WaitUntilUp(40_000), Is.True);
            Assert.That(client.Drain(40_000), Is.True, "what was kept, too");
            relay.Stall();
            Write(client, 1 + random.Next(8));
            var kept = client.Keep(40_000);
            Assert.That(kept, Is.True);
            if (life % 2 == 0)
            {
                // It comes up again, and they are under way when the power goes.
                relay.Cut();
                relay.Flow();
                client.WaitUntilUp(40_000);
            }

            var before = n;
            flash.CutAfter(random.Next(200), (Torn)(life % 3), life);
            Write(client, 3);
            client.Keep(50);
            // The device stands still: what its threads still say is as if it had said it before.
            if (!flash.IsOff)
                flash.CutAfter(0, Torn.Short, 1);
            for (var lost = before + 1; lost <= n; lost++)
                maybe.Add(lost);
            client.Dispose();
            relay.Cut();
            relay.Flow();
            flash.PowerOn();
            flash.CutAfter(long.MaxValue, Torn.Short, 1);
        }

        using var last = IotLinkNanoClient.Start(Options(relay.Port, flash));
        Write(last, 1);
        Assert.That(last.Drain(40_000), Is.True);
        Soon.Holds(() => Copy().Contains(n), "the last line arrives");
        var all = Copy();
        await TestContext.Out.WriteLineAsync($"{n} lines, {all.Length} arrived, {Lives} losses of power, {flash.Writes} writes of {flash.Bytes} bytes");
        Assert.That(all, Is.Ordered.And.Unique);
        Assert.That(Enumerable.Range(1, n).Except(all).Except(maybe), Is.Empty, "promised lines that did not arrive");

        int[] Copy()
        {
            lock (received)
                return [.. received];
        }

        void Write(IotLinkNanoClient client, int lines)
        {
            for (; lines > 0; lines--)
                Assert.That(client.Write((++n).ToString(CultureInfo.InvariantCulture), 40_000), Is.EqualTo(WriteResult.Taken));
        }
    }

    [Test]
    public async Task Files_keep_the_outbox_and_the_restart_is_an_outage()
    {
        var folder = Directory.CreateTempSubdirectory("iotlink-flash");
        try
        {
            await using var server = await IotLinkServer.StartAsync(ServerOptions());
            var flash = new FileFlash(Path.Combine(folder.FullName, "outbox"), 4096);
            using (var client = IotLinkNanoClient.Start(Options(server.EndPoint.Port, flash)))
            {
                Assert.That(client.WaitUntilUp(40_000), Is.True);
                await server.WaitForAsync("pump-1").WaitAsync(Soon.Bound);
                Soon.Holds(() => File.Exists(Path.Combine(folder.FullName, "outbox0")), "the memory's name is kept");
            }

            using (var client = IotLinkNanoClient.Start(Options(1, flash)))
            {
                client.Write("kept");
                Assert.That(client.Keep(40_000), Is.True);
                Assert.That(client.Kept, Is.EqualTo(1));
                client.Write("kept at the end");
            }

            var link = server.Find("pump-1")!;
            var notices = new List<LinkNotice>();
            using var noticing = link.Notices.Subscribe(notices.Add);
            using var again = IotLinkNanoClient.Start(Options(server.EndPoint.Port, flash));
            Assert.That(again.Outbox, Is.EqualTo(2));
            Assert.That(await link.ReadLineAsync().WaitAsync(Soon.Bound), Is.EqualTo("kept"));
            Assert.That(await link.ReadLineAsync().WaitAsync(Soon.Bound), Is.EqualTo("kept at the end"));
            Assert.That(again.Drain(40_000), Is.True);
            Assert.That(notices, Is.Empty);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Test]
    public void A_flash_that_is_too_small_is_refused_and_one_that_throws_is_told_of()
    {
        var small = Options(1, new PowerCutFlash { AreaBytes = 1000 });
        Assert.That(() => IotLinkNanoClient.Start(small), Throws.ArgumentException.With.Message.Contain("Flash.AreaBytes is 1000, it must be from 3"));
        var notices = new List<string>();
        var options = Options(1, new Throwing());
        options.OnNotice = text =>
        {
            lock (notices)
                notices.Add(text);
        };
        using var client = IotLinkNanoClient.Start(options);
        Assert.That(client.Write("x"), Is.EqualTo(WriteResult.Taken));
        Assert.That(client.Keep(40_000), Is.False);
        Soon.Holds(() => Has("the flash: it burns"), "it says why");
        Assert.That(Has("damaged"), Is.True);

        bool Has(string text)
        {
            lock (notices)
                return notices.Exists(n => n.Contains(text, StringComparison.Ordinal));
        }
    }

    [Test]
    public void Without_a_flash_nothing_is_kept()
    {
        using var client = IotLinkNanoClient.Start(Options(1, null));
        client.Write("x");
        Assert.That((client.Keep(40_000), client.Kept), Is.EqualTo((false, 0)));
    }

    private static IotLinkServerOptions ServerOptions() => new()
    {
        Port = 0, Bind = IPAddress.Loopback, Timeout = TimeSpan.FromSeconds(1), RetryAfter = TimeSpan.FromMilliseconds(20), DrainTimeout = TimeSpan.Zero,
    };

    private static NanoClientOptions Options(int port, IFlash? flash) => new()
    {
        Host = "127.0.0.1", Port = port, Id = "pump-1", TimeoutMs = 1000, BackOffMs = 10, BackOffCapMs = 100, Flash = flash, KeepAfterMs = 100_000,
    };

    private sealed class Throwing : IFlash
    {
        public int AreaBytes => 4096;

        public int Read(int area, int position, byte[] buffer, int offset, int count) => throw new IOException("it burns");

        public void Write(int area, int position, byte[] buffer, int offset, int count) => throw new IOException("it burns");
    }
}
