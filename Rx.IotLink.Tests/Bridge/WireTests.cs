using System.Text;
using NUnit.Framework;
using Rx.IotLink.Nano.Bridge;

namespace Rx.IotLink.Tests.Bridge;

/// <summary>
/// The two ends of the wire against each other, in virtual time. That what arrives is what was written, in order, is
/// checked at each step of every test here.
/// </summary>
[Parallelizable(ParallelScope.All)]
public sealed class WireTests
{
    [Test]
    public void Bytes_go_there_and_back_at_the_speed_of_the_wire()
    {
        var pair = Opened(seed: 1);
        pair.Wanted = 20_000;
        Assert.That(pair.RunUntil(() => pair.Received.Count == 20_000, 10_000), Is.True, $"{pair.Received.Count} bytes");
        Assert.That(pair.Host.Repeated + pair.Bridge.Repeated, Is.Zero, "a good wire needs no repetition");
        Assert.That(pair.Now, Is.LessThan(4_000), "20,000 bytes take 1.8 s on the wire");
    }

    [Test]
    public void Noise_loses_doubles_and_reorders_nothing([Range(1, 60)] int seed, [Values(0.0002, 0.002)] double noise)
    {
        var pair = Opened(seed, noise);
        pair.Wanted = 3_000;
        Assert.That(pair.RunUntil(() => pair.Received.Count == 3_000, 60_000), Is.True, $"{pair.Received.Count} bytes, {pair.Host.Reason}");
        Assert.That(pair.Host.Resets, Is.Zero, "so much noise is no reason for a reset");
    }

    [Test]
    public void Wild_noise_throws_nothing_and_when_it_ends_all_works([Range(1, 20)] int seed)
    {
        var pair = new WirePair(seed, noise: 0.2);
        pair.Open();
        pair.Wanted = 1_000;
        pair.Run(30_000);
        Assert.That(pair.Host.BadFrames, Is.GreaterThan(20));
        pair.Up.Chance = pair.Down.Chance = 0;
        Assert.That(pair.RunUntil(() => pair.Host.InSession && pair.Bridge.InSession, 2_000), Is.True);
        pair.Open();
        pair.Wanted = 1_000;
        Assert.That(pair.RunUntil(() => pair.Received.Count == 1_000, 4_000), Is.True, $"{pair.Received.Count} bytes, {pair.Host.Reason}");
    }

    [Test]
    public void A_window_of_one_frame_is_enough([Values(1, 2, 8, 32)] int window)
    {
        var pair = new WirePair(3, window: window);
        pair.Open();
        pair.Wanted = 2_000;
        Assert.That(pair.RunUntil(() => pair.Received.Count == 2_000, 10_000), Is.True, $"{pair.Received.Count} bytes");
    }

    [Test]
    public void A_host_that_does_not_read_stops_the_flow_and_loses_nothing()
    {
        var pair = Opened(4);
        (pair.Wanted, pair.HostReads) = (5_000, false);
        pair.Run(20_000);
        Assert.That(pair.Host.State, Is.EqualTo(ConnectionState.Open), "a slow reader is no outage of the wire");
        Assert.That(pair.Host.Resets, Is.Zero);
        Assert.That(pair.Host.Readable, Is.LessThanOrEqualTo(4 * FrameEnd.DataBytes));
        pair.HostReads = true;
        Assert.That(pair.RunUntil(() => pair.Received.Count == 5_000, 20_000), Is.True, $"{pair.Received.Count} bytes");
    }

    [Test]
    public void A_server_that_does_not_read_holds_up_no_closing()
    {
        var pair = Opened(5);
        (pair.Wanted, pair.ServerReads) = (5_000, false);
        pair.Run(5_000);
        pair.Host.Close(pair.Number, pair.Now);
        Assert.That(pair.RunUntil(() => pair.Bridge.State == ConnectionState.None, 500), Is.True);
        pair.ServerReads = true;
        pair.Open();
        pair.Wanted = 100;
        Assert.That(pair.RunUntil(() => pair.Received.Count == 100, 1_000), Is.True);
    }

    [Test]
    public void A_refused_connection_says_why()
    {
        var pair = new WirePair(6) { ServerRefuses = true };
        pair.Open();
        Assert.That(pair.RunUntil(() => pair.Host.State == ConnectionState.Over, 2_000), Is.True);
        Assert.That(pair.Host.Reason, Is.EqualTo("connection refused"));
        Assert.That((pair.Bridge.Host, pair.Bridge.Port), Is.EqualTo(("server.example", 8123)));
    }

    [Test]
    public void The_last_words_of_a_host_that_leaves_in_order_arrive()
    {
        var pair = Opened(7);
        pair.Wanted = 2_000;
        pair.RunUntil(() => pair.Written.Count == 2_000, 10_000);
        pair.Host.End(pair.Number);
        Assert.That(pair.RunUntil(() => pair.HostSawEnd, 5_000), Is.True);
        Assert.That(pair.Received, Has.Count.EqualTo(2_000));
    }

    [Test]
    public void A_host_that_ends_and_closes_at_once_still_says_its_last_words()
    {
        var pair = Opened(8);
        pair.Wanted = 300;
        pair.RunUntil(() => pair.Written.Count == 300, 1_000);
        pair.Host.End(pair.Number);
        pair.Host.Close(pair.Number, pair.Now);
        Assert.That(pair.RunUntil(() => pair.Bridge.PeerEnded, 1_000), Is.True);
        Assert.That(pair.RunUntil(() => pair.Bridge.State == ConnectionState.None, 3_000), Is.True, "and then the connection is gone");
    }

    [Test]
    public void A_bridge_that_restarts_costs_the_connection_at_once_and_no_reset()
    {
        var pair = Opened(9);
        pair.Wanted = 100_000;
        pair.Run(500);
        pair.RestartBridge();
        Assert.That(pair.RunUntil(() => pair.Host.State == ConnectionState.Over, 1_500), Is.True);
        Assert.That(pair.Host.Reason, Is.EqualTo("the bridge has restarted"));
        pair.Open();
        pair.Wanted = 1_000;
        Assert.That(pair.RunUntil(() => pair.Received.Count == 1_000, 3_000), Is.True);
        Assert.That(pair.Host.Resets, Is.Zero);
    }

    [Test]
    public void A_dead_bridge_is_reset_after_four_seconds_and_less_often_later()
    {
        var pair = Opened(10);
        pair.BridgeRuns = false;
        var died = pair.Now;
        var resets = new List<long>();
        while (pair.Now < died + 200_000)
        {
            pair.Run(100);
            if (pair.Host.TakeReset())
                resets.Add((pair.Now - died) / 1_000);
        }

        Assert.That(resets[0], Is.InRange(3, 5));
        var pauses = resets.Zip(resets.Skip(1), (one, next) => next - one).ToArray();
        Assert.That(pauses, Is.Ordered, string.Join(' ', pauses));
        Assert.That(pauses[^1], Is.InRange(59, 61));
        Assert.That(pair.Host.State, Is.EqualTo(ConnectionState.Over));
    }

    [Test]
    public void A_bridge_whose_program_stands_still_is_reset()
    {
        var pair = Opened(11);
        pair.BridgeBeats = false;
        Assert.That(pair.RunUntil(pair.Host.TakeReset, 12_000), Is.True);
        Assert.That(pair.Host.SessionFault, Does.Contain("stands still"));
        Assert.That(pair.RunUntil(pair.Bridge.TakeReset, 100), Is.True, "the frame says the same");
    }

    [Test]
    public void A_bridge_that_says_that_it_may_be_silent_is_not_reset_meanwhile()
    {
        var pair = Opened(12);
        pair.Bridge.Tell(BridgeCondition.Connecting, "looking a name up", 30_000);
        pair.Run(100);
        pair.BridgeRuns = false;
        Assert.That(pair.RunUntil(pair.Host.TakeReset, 29_000), Is.False);
        Assert.That(pair.RunUntil(pair.Host.TakeReset, 3_000), Is.True);
    }

    [Test]
    public void A_host_that_falls_silent_costs_the_connection_to_the_server()
    {
        var pair = Opened(13);
        pair.Up.IsCut = true;
        Assert.That(pair.RunUntil(() => !pair.Bridge.InSession, 4_500), Is.True);
        Assert.That(pair.Bridge.State, Is.EqualTo(ConnectionState.None));
    }

    [Test]
    public void A_wire_that_is_cut_and_comes_back_works_again([Values(true, false)] bool up)
    {
        var pair = Opened(14);
        pair.Wanted = 100_000;
        pair.Run(200);
        (up ? pair.Up : pair.Down).IsCut = true;
        pair.Run(10_000);
        (up ? pair.Up : pair.Down).IsCut = false;
        Assert.That(pair.RunUntil(() => pair.Host.InSession && pair.Bridge.InSession, 3_000), Is.True);
        pair.Open();
        pair.Wanted = 1_000;
        Assert.That(pair.RunUntil(() => pair.Received.Count == 1_000, 3_000), Is.True, $"{pair.Received.Count} bytes, {pair.Host.Reason}");
    }

    [Test]
    public void Any_order_of_opening_closing_and_restarts_ends_in_a_connection_that_works([Range(1, 100)] int seed)
    {
        var random = new Random(seed);
        var pair = new WirePair(seed, noise: seed % 2 == 0 ? 0.001 : 0);
        for (var deed = 0; deed < 60; deed++)
        {
            switch (random.Next(7))
            {
                case 0 or 1:
                    pair.Open();
                    pair.Wanted = random.Next(1_000);
                    break;
                case 2:
                    pair.Host.Close(pair.Number, pair.Now);
                    break;
                case 3:
                    pair.Host.End(pair.Number);
                    break;
                case 4:
                    pair.RestartBridge();
                    break;
                case 5:
                    (pair.HostReads, pair.ServerReads) = (random.Next(2) == 0, random.Next(2) == 0);
                    break;
                default:
                    pair.ServerRefuses = random.Next(3) == 0;
                    break;
            }

            pair.Run(random.Next(1, random.Next(1, 700)));
        }

        (pair.HostReads, pair.ServerReads, pair.ServerRefuses) = (true, true, false);
        Assert.That(
            pair.RunUntil(
                () =>
                {
                    if (pair.Host.State is ConnectionState.Over or ConnectionState.None || pair.Host.PeerEnded || pair.Wanted != 700)
                    {
                        pair.Open();
                        pair.Wanted = 700;
                    }

                    return pair.Received.Count == 700;
                },
                60_000),
            Is.True,
            $"{pair.Received.Count} bytes, {pair.Host.Reason}");
    }

    [Test]
    public void A_connection_has_a_name_of_its_own_though_its_number_comes_again()
    {
        var pair = Opened(16);
        var (number, opening) = (pair.Bridge.Connection, pair.Bridge.Opening);
        var restarted = new HostMachine(new(), new(), new SeededRandom(99));
        restarted.Open("server.example", 8123);
        var frame = new byte[Frame.MaxEncoded];
        for (var round = 0; round < 10; round++)
        {
            if (restarted.Fill(frame, pair.Now) is > 0 and var said)
                pair.Bridge.Receive(frame, 0, said, pair.Now);
            if (pair.Bridge.Fill(frame, pair.Now) is > 0 and var answered)
                restarted.Receive(frame, 0, answered, pair.Now);
        }

        Assert.That((pair.Bridge.State, pair.Bridge.Connection), Is.EqualTo((ConnectionState.Opening, number)));
        Assert.That(pair.Bridge.Opening, Is.EqualTo(opening + 1));
    }

    [Test]
    public void The_configuration_and_the_reports_arrive()
    {
        var pair = Opened(15);
        (pair.Bridge.Connects, pair.Bridge.FreeMemory) = (3, 54_321);
        pair.Bridge.Tell(BridgeCondition.NoNetwork, "no network 'net'\u0007", 0);
        pair.Run(4_500);
        Assert.That(pair.Bridge.Configuration.Ssid, Is.EqualTo("net"));
        Assert.That(pair.Bridge.Configuration.Password, Is.EqualTo("secret"));
        Assert.That((pair.Host.BridgeConnects, pair.Host.ReportNumber, pair.Host.BridgeMemory), Is.EqualTo((3, 2, 54_321)));
        Assert.That(pair.Host.Condition, Is.EqualTo(BridgeCondition.NoNetwork));
        Assert.That(pair.Host.ConditionText, Is.EqualTo("no network 'net'?"), "nothing of it moves a cursor");
    }

    [Test]
    public void A_wire_that_is_connected_to_itself_is_no_bridge()
    {
        var host = new HostMachine(new(), new(), new SeededRandom(1));
        var bridge = new BridgeMachine(new(), new SeededRandom(2));
        var frame = new byte[Frame.MaxEncoded];
        for (var now = 0; now < 3_000; now += 50)
        {
            foreach (var end in (FrameEnd[])[host, bridge])
            {
                if (end.Fill(frame, now) is > 0 and var made)
                    end.Receive(frame, 0, made, now);
            }
        }

        Assert.That((host.InSession, bridge.InSession), Is.EqualTo((false, false)));
        Assert.That((host.Echoes, bridge.Echoes), Is.EqualTo((6, 3)));
    }

    /// <summary>Any frame at any time, well-formed or not, in a session or not.</summary>
    [Test]
    public void Any_good_frame_with_any_content_is_survived([Range(1, 40)] int seed)
    {
        var random = new Random(seed);
        var pair = Opened(seed);
        var (body, frame, output) = (new byte[Frame.MaxBody], new byte[Frame.MaxEncoded], new byte[Frame.MaxEncoded]);
        var nonces = new List<byte[]>();
        for (var round = 0; round < 3_000; round++)
        {
            foreach (var end in (FrameEnd[])[pair.Host, pair.Bridge])
            {
                var payload = random.Next(4) switch { 0 => 0, 1 => random.Next(8), _ => random.Next(Frame.MaxPayload + 1) };
                random.NextBytes(body);
                body[0] = (byte)(random.Next(12) | (random.Next(2) << 7));
                if (nonces.Count > 0 && random.Next(5) > 0)
                    nonces[random.Next(nonces.Count)].CopyTo(body, 1);
                if (random.Next(3) == 0)
                    body[5] = body[6] = (byte)random.Next(3);
                if (random.Next(2) == 0)
                    body[8] = (byte)random.Next(3);
                end.Receive(frame, 0, Frame.Encode(body, payload, frame), pair.Now + round);
                if (random.Next(3) == 0)
                    _ = pair.Host.Open("x", 1);
                for (var some = 0; some < 5 && end.Fill(output, pair.Now + round) is > 0 and var made; some++)
                    nonces.AddRange(Sessions(output[..made]));
                Assert.That(end.NextIn(pair.Now + round), Is.GreaterThanOrEqualTo(0));
            }
        }

        Assert.That(nonces, Is.Not.Empty);
    }

    /// <summary>What an end says of its next frame is what the thread that serves it sleeps by.</summary>
    [Test]
    public void An_end_knows_when_it_has_something_to_say()
    {
        var (host, bridge) = (new HostMachine(new(), new() { ReportS = 3 }, new SeededRandom(1)), new BridgeMachine(new(), new SeededRandom(2)));
        var frame = new byte[Frame.MaxEncoded];
        var due = new Dictionary<FrameEnd, long>();
        for (var now = 0; now < 30_000; now++)
        {
            // The bridge is cut off after ten seconds, so there is silence and a reset, too.
            foreach (var (end, other) in ((FrameEnd, FrameEnd)[])[(host, bridge), (bridge, host)])
            {
                while (end.Fill(frame, now) is > 0 and var made)
                {
                    Assert.That(due.GetValueOrDefault(end), Is.LessThanOrEqualTo(now), $"{end} at {now}");
                    if (now >= 10_000)
                        continue;
                    other.Receive(frame, 0, made, now);
                    due[other] = now;
                }

                var next = end.NextIn(now);
                Assert.That(next, Is.Positive, $"{end} at {now}: it would be asked without a pause");
                due[end] = now + next;
            }
        }
    }

    /// <summary>It may have arrived; another frame with its number would be taken for it.</summary>
    [Test]
    public void What_was_sent_keeps_its_number_though_nobody_wants_it_any_more()
    {
        var (window, body) = (new SendWindow(4, 200), new byte[Frame.MaxBody]);
        window.Clear(4);
        window.Write(1, [7, 8], 0, 2);
        window.TakeNext(body, 0, 0);
        window.Write(1, [9], 0, 1);
        Assert.That(window.HasNext(200), Is.True, "it is to be sent again");
        window.DropUnsent();
        window.Add(Frame.Close, 1)[0] = 1;
        window.TakeNext(body, 0, 200);
        Assert.That((body[0], body[5]), Is.EqualTo((Frame.Data, 0)));
        window.TakeNext(body, 0, 200);
        Assert.That((body[0], body[5]), Is.EqualTo((Frame.Close, 1)));
        Assert.That(window.HasNext(200), Is.False);
    }

    [Test]
    public void A_text_is_cut_between_characters()
    {
        var bytes = new byte[80];
        Assert.That(Encoding.UTF8.GetString(bytes, 0, Bytes.PutText(bytes, 0, new string('ä', 60), 79)), Is.EqualTo(new string('ä', 39)));
    }

    private static WirePair Opened(int seed, double noise = 0)
    {
        var pair = new WirePair(seed, noise);
        pair.Open();
        Assert.That(pair.RunUntil(() => pair.Host.State == ConnectionState.Open, 20_000), Is.True);
        return pair;
    }

    private static IEnumerable<byte[]> Sessions(byte[] encoded)
    {
        var reader = new FrameReader();
        return [.. encoded.Where(reader.Take).Select(_ => reader.Body[1..5])];
    }
}
