using System.Text;
using NUnit.Framework;
using Rx.IotLink.Nano.Protocol;

namespace NanoTests;

/// <summary>What the vectors do not say of the device's session: its bounds.</summary>
public sealed class NanoSessionTests
{
    private const string Ok = "IOTLINK/2 ok epoch=1 tx=1 window=64 max=4000 timeout=2000\n";

    [TestCase(true)]
    [TestCase(false)]
    public void A_ring_holds_what_a_list_would(bool isInbox)
    {
        const int MaxLines = 9;
        const int MaxBytes = 100;
        var random = new Random(7);
        var ring = new LineRing(MaxLines, MaxBytes, isInbox);
        var model = new List<(string Line, int Mark)>();
        for (var step = 0; step < 20_000; step++)
        {
            var line = new string((char)('a' + random.Next(26)), random.Next(0, 30));
            switch (random.Next(5))
            {
                case 0 or 1 or 2:
                    var used = model.Sum(m => Math.Max(m.Line.Length, 1));
                    var fits = model.Count < MaxLines && used + Math.Max(line.Length, 1) <= MaxBytes;
                    var taken = ring.TryAdd(Encoding.ASCII.GetBytes(line), 0, line.Length, step);
                    // Lines that go out lie in one piece each, so some of the room may be left.
                    Assert.That(taken, isInbox ? Is.EqualTo(fits) : Is.True.Or.EqualTo(fits && used + line.Length <= MaxBytes - 60));
                    Assert.That(fits || !taken, Is.True);
                    if (taken)
                        model.Add((line, isInbox ? step : 0));
                    break;
                case 3 when model.Count > 0:
                    ring.RemoveFirst();
                    model.RemoveAt(0);
                    break;
                case 4 when model.Count > 0 && step % 7 == 0 && !isInbox:
                    var at = random.Next(model.Count);
                    ring.RemoveAt(at);
                    model.RemoveAt(at);
                    break;
                default:
                    break;
            }

            Assert.That(ring.Count, Is.EqualTo(model.Count));
            if (isInbox)
                Assert.That((ring.FreeLines, ring.FreeBytes), Is.EqualTo((MaxLines - model.Count, MaxBytes - model.Sum(m => Math.Max(m.Line.Length, 1)))));
            else
                Assert.That(Enumerable.Range(0, ring.Count).Select(i => (Encoding.ASCII.GetString(ring.Bytes, ring.Start(i), ring.Length(i)), 0)), Is.EqualTo(model));
            if (model.Count == 0)
                continue;
            var bytes = ring.Oldest(out var start);
            Assert.That((Encoding.ASCII.GetString(bytes, start, ring.Length(0)), isInbox ? ring.Mark(0) : 0), Is.EqualTo(model[0]));
        }
    }

    [Test]
    public void A_line_that_was_sent_and_that_the_server_takes_no_more_does_not_stop_the_link()
    {
        var end = Opened();
        end.Write("short");
        end.Write("much longer than ten");
        end.Write("after");
        end.Disconnect();
        end.TakeSaid();
        end.TakeEvents();

        end.Connect();
        end.Receive("IOTLINK/2 ok epoch=1 tx=1 peer=0707070707070707 rx=1 window=64 max=10 timeout=2000\n");
        Assert.That(end.TakeEvents(), Is.EqualTo(new[] { "finished short", "leave connection-lost" }));
        end.TakeSaid();

        end.Connect();
        Assert.That(end.TakeSaid()[0], Does.Contain("epoch=0808080808080808 tx=1 "));
        end.Receive("IOTLINK/2 ok epoch=1 tx=1 peer=0707070707070707 rx=1 window=64 max=10 timeout=2000\n");
        Assert.That(end.TakeSaid(), Is.EqualTo(new[] { "+0001after" }));
        Assert.That(end.TakeEvents(), Is.EqualTo(new[] { "notice session-not-resumed", "impossible much longer than ten", "opened" }));
    }

    [Test]
    public void The_longest_line_that_a_server_takes_is_forgotten_with_its_connection()
    {
        var end = new NanoEnd(NanoEnd.Settings());
        end.WillDraw(Enumerable.Repeat((byte)7, 8));
        end.Connect();
        end.Receive("IOTLINK/2 ok epoch=1 tx=1 window=64 max=1 timeout=2000\n");
        Assert.That(end.Session.MaxLine(exactlyOnce: true), Is.EqualTo(1));

        end.Disconnect();

        Assert.That(end.Session.MaxLine(exactlyOnce: true), Is.EqualTo(NanoEnd.Settings().OutboxBytes));
    }

    [Test]
    public void A_full_outbox_refuses_and_takes_again()
    {
        var settings = NanoEnd.Settings();
        settings.OutboxLines = 2;
        var end = Opened(settings);
        Assert.That(end.Write("a") && end.Write("b") && !end.Write("c"), Is.True);
        end.Receive("=0001\n");
        Assert.That(end.Write("c"), Is.True);
    }

    [Test]
    public void Of_best_effort_lines_the_newest_are_kept()
    {
        var settings = NanoEnd.Settings();
        settings.BestEffortLines = 2;
        var end = new NanoEnd(settings);
        end.WillDraw(Enumerable.Repeat((byte)7, 8));
        Assert.That(new[] { "a", "b", "c", "d" }.Sum(end.WriteBestEffort), Is.EqualTo(2));
        end.Connect();
        end.TakeSaid();
        end.Receive(Ok);
        Assert.That(end.TakeSaid(), Is.EqualTo(new[] { "-c", "-d" }));
    }

    [Test]
    public void An_output_that_is_small_sends_in_several_pieces()
    {
        var settings = NanoEnd.Settings();
        settings.OutputBytes = 300;
        var end = Opened(settings);
        var lines = Enumerable.Range(0, 40).Select(n => new string('x', n)).ToList();
        end.Disconnect();
        lines.ForEach(l => end.Write(l));
        end.Connect();
        end.TakeSaid();
        end.Receive(Ok.Replace("tx=1", "tx=1 peer=0707070707070707 rx=0", StringComparison.Ordinal));
        Assert.That(end.TakeSaid().Select(s => s[5..]), Is.EqualTo(lines));
    }

    [Test]
    public void A_flood_from_the_server_fills_the_inbox_and_nothing_else()
    {
        var settings = NanoEnd.Settings();
        settings.InboxLines = 4;
        settings.InboxBytes = 4000;
        var end = Opened(settings);
        end.TakeEvents();
        var flood = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("-x\n", 10_000)));
        end.Receive(flood);
        Assert.That(end.TakeEvents(), Is.EqualTo(Enumerable.Repeat("line x", 4)));
    }

    private static NanoEnd Opened(SessionSettings? settings = null)
    {
        var end = new NanoEnd(settings ?? NanoEnd.Settings());
        end.WillDraw(Enumerable.Repeat((byte)7, 8).Concat(Enumerable.Repeat((byte)8, 8)));
        end.Connect();
        end.Receive(Ok);
        end.TakeSaid();
        return end;
    }
}
