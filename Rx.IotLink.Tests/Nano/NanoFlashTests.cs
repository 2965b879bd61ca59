using NUnit.Framework;

namespace NanoTests;

/// <summary>
/// Whenever the power goes: what was reported as kept arrives, once and in order, and so does all that is written after
/// it. At the other end is the engine of our server.
/// </summary>
[Parallelizable(ParallelScope.All)]
public sealed class NanoFlashTests
{
    /// <summary>A life in which all kinds of writes happen: it ends and begins anew in the middle, too.</summary>
    private static readonly IReadOnlyList<Action<KeptDevice>> Life =
    [
        Up, d => Write(d, 3), Wait, Accept,
        // The server's application is slow: they are kept while the link is up.
        d => Write(d, 4), Wait, d => d.Handle(2), Wait,
        Down, d => Write(d, 3), Wait, d => Write(d, 2), d => d.AskToKeep(), d => d.Pump(), d => Write(d, 1),
        d => d.LosePower(),
        // Without their numbers, until the server is heard.
        d => Write(d, 2), Wait, Up, d => Write(d, 1), Accept, Accept,
        Down, d => d.LosePower(), Up, Accept,
        d => Write(d, 2), d => d.Pump(), d => d.LosePower(), d => Write(d, 3), Wait, Up, Wait, Accept,
        .. Enumerable.Repeat<Action<KeptDevice>>(d => Outage(d, 6), 8),
        // A server that forgets what it has accepted gets it again; not, if the flash knows that it was accepted.
        Up, Accept, Wait, d => d.RestartServer(), d => Write(d, 2), Wait, d => d.LosePower(), Up, Accept,
        Down, d => Write(d, 12), Wait, d => d.LosePower(), d => d.LosePower(),
    ];

    [Test]
    public void Power_is_lost_after_each_number_of_bytes([Values(0, 1, 2)] int how)
    {
        var torn = (Torn)how;
        var whole = Live(long.MaxValue, Torn.Short, 0);
        Assert.That(whole.Fault(), Is.Null);
        Assert.That(whole.MayBeLost, Is.Not.Empty);
        var (bytes, cuts) = (whole.Flash.Bytes, 0);
        for (long after = 0; after < bytes; after += torn == Torn.Short ? 1 : 3, cuts++)
        {
            var device = Live(after, torn, (int)after);
            Assert.That(device.Fault(), Is.Null, $"power lost after {after} bytes, {torn}");
            Assert.That(device.Restarts, Is.EqualTo(whole.Restarts + 1), $"{after}");
        }

        TestContext.Out.WriteLine($"{cuts} places in {whole.Flash.Writes} writes of {bytes} bytes; {whole.Written} lines");
    }

    [Test]
    public void Whatever_happens_between_the_losses()
    {
        var (restarts, lines, promised) = (0, 0, 0);
        for (var seed = 1; seed <= 300; seed++)
        {
            var random = new Random(seed);
            var device = new KeptDevice(new PowerCutFlash(), keepAfterMs: random.Next(2) * 1000);
            for (var step = 0; step < 150; step++)
                Step(device, random);
            device.Do(d => d.Finish());
            Assert.DoesNotThrow(device.Finish, $"seed {seed}");
            Assert.That(device.Fault(), Is.Null, $"seed {seed}");
            (restarts, lines, promised) = (restarts + device.Restarts, lines + device.Written, promised + device.Promised.Count);
        }

        TestContext.Out.WriteLine($"{lines} lines, {restarts} losses of power, {promised} lines promised at them");
        Assert.That(promised, Is.GreaterThan(2000));
        Assert.That(restarts, Is.GreaterThan(2000));
    }

    [Test]
    public void A_byte_that_is_damaged_repeats_nothing_and_stops_nothing()
    {
        var (places, lost) = (0, 0);
        for (var area = 0; area < 2; area++)
        {
            for (var at = 0; at < Damaged(area, -1).Flash[area].Count; at++, places++)
            {
                var device = Damaged(area, at);
                device.LosePower();
                device.Finish();
                device.Write();
                device.Finish();
                Assert.That(device.Arrived, Is.Ordered.And.Unique, $"byte {at} of area {area}");
                Assert.That(device.Arrived, Does.Contain(device.Written), $"byte {at} of area {area}");
                lost += device.Written - device.Arrived.Count;
            }
        }

        TestContext.Out.WriteLine($"{places} bytes, {lost} lines lost");
        Assert.That(places, Is.GreaterThan(100));
        Assert.That(lost, Is.GreaterThan(places / 2), "it was damaged");
    }

    [Test]
    public void What_is_no_log_of_this_device_is_left_out_and_said([Values("another device", "a text", "nothing but ones")] string what)
    {
        var flash = new PowerCutFlash();
        flash[0].AddRange(what switch
        {
            "another device" => Another(),
            "a text" => Enumerable.Repeat((byte)'x', 3000),
            _ => Enumerable.Repeat((byte)0xFF, 3000),
        });
        var device = new KeptDevice(flash);
        // Flash that was never written is full of ones.
        Assert.That(device.Notices, what == "nothing but ones" ? Is.Empty : Has.One.Contains("of another device"));
        Assert.That(device.Outbox, Is.Zero);
        Write(device, 3);
        device.AskToKeep();
        device.Pump();
        Assert.That(device.Kept, Is.EqualTo(3));
        device.LosePower();
        device.Finish();
        Assert.That(device.Arrived, Is.EqualTo(new[] { 1, 2, 3 }));

        static IEnumerable<byte> Another()
        {
            var other = new PowerCutFlash();
            var log = new Rx.IotLink.Nano.Flash.FlashLog(other, 4096, "pump-2"u8.ToArray());
            log.Begin(new byte[100]);
            log.Add("1 hers"u8.ToArray(), 0, 6);
            log.Seal(new() { Count = 1 });
            log.Write(begins: true, completes: true);
            return other[1];
        }
    }

    [Test]
    public void A_full_flash_promises_nothing_and_stops_nothing()
    {
        var device = new KeptDevice(new PowerCutFlash { IsFull = true });
        Write(device, 3);
        device.AskToKeep();
        device.Pump();
        Assert.That((device.Kept, device.Errors), Is.EqualTo((0, 1)));
        Up(device);
        Accept(device);
        Assert.That(device.Outbox, Is.Zero);

        Down(device);
        Write(device, 2);
        device.Flash.IsFull = false;
        for (var wait = 0; wait < 11; wait++)
            Wait(device);
        Assert.That(device.Kept, Is.EqualTo(2));
        device.LosePower();
        device.Finish();
        Assert.That(device.Fault(), Is.Null);
    }

    [Test]
    public void It_is_written_seldom()
    {
        var device = new KeptDevice(new PowerCutFlash());
        Up(device);
        for (var n = 0; n < 1000; n++)
        {
            Write(device, 1);
            device.Pump();
            Accept(device);
        }

        Assert.That(device.Flash.Writes, Is.EqualTo(2), "the name of the memory, and that the other area is empty; no line");
        Outage(device, 10);
        Assert.That(device.Flash.Writes, Is.EqualTo(2 + 2), "ten lines, and that they are accepted");
    }

    [Test]
    public void A_restart_resumes_the_session()
    {
        var device = new KeptDevice(new PowerCutFlash());
        Up(device);
        Write(device, 2);
        Accept(device);
        var epoch = device.Epoch;
        for (var times = 0; times < 3; times++)
        {
            device.LosePower();
            Up(device);
            Write(device, 1);
            Accept(device);
        }

        Assert.That(device.Epoch, Is.EqualTo(epoch));
        Assert.That(device.ServersNotices, Is.Empty, "for the server it is an outage");
        Assert.That(device.Arrived.Count + device.Outbox, Is.Zero, "nothing was collected yet");
        Assert.That(device.Fault(), Is.Null);
        Assert.That(device.Arrived, Is.EqualTo(new[] { 1, 2, 3, 4, 5 }));
    }

    private static KeptDevice Live(long cutAfter, Torn torn, int seed)
    {
        var device = new KeptDevice(new PowerCutFlash());
        device.Flash.CutAfter(cutAfter, torn, seed);
        foreach (var part in Life)
            device.Do(part);
        device.Do(d => d.Finish());
        device.Finish();
        return device;
    }

    private static KeptDevice Damaged(int area, int at)
    {
        var device = new KeptDevice(new PowerCutFlash());
        Outage(device, 4);
        device.LosePower();
        Write(device, 2);
        Wait(device);
        Up(device);
        device.Handle(1);
        Wait(device);
        Down(device);
        Write(device, 2);
        Wait(device);
        if (at >= 0)
            device.Flash[area][at] ^= (byte)(1 << (at % 8));
        return device;
    }

    private static void Step(KeptDevice device, Random random)
    {
        if (random.Next(8) == 0)
            device.Flash.CutAfter(random.Next(300), (Torn)random.Next(3), random.Next());
        device.Do(random.Next(12) switch
        {
            0 => Up,
            1 => Down,
            2 => d => d.Handle(1 + random.Next(4)),
            3 => Accept,
            4 => Wait,
            5 => d => d.AskToKeep(),
            6 when random.Next(3) == 0 => d => d.LosePower(),
            7 => d => Write(d, random.Next(6)),
            8 => d => d.Now += random.Next(3000),
            9 => d => d.Write(new string('x', random.Next(70))),
            _ => d => d.Pump(),
        });
    }

    private static void Write(KeptDevice device, int lines)
    {
        for (; lines > 0; lines--)
            device.Write();
    }

    private static void Up(KeptDevice device)
    {
        device.Connect();
        device.Pump();
    }

    private static void Down(KeptDevice device) => device.Disconnect();

    private static void Wait(KeptDevice device)
    {
        device.Pump();
        device.Now += 1100;
        device.Pump();
    }

    private static void Accept(KeptDevice device)
    {
        device.Pump();
        device.Handle(1000);
        device.Pump();
    }

    private static void Outage(KeptDevice device, int lines)
    {
        Down(device);
        Write(device, lines);
        Wait(device);
        Up(device);
        Accept(device);
        Accept(device);
    }
}
