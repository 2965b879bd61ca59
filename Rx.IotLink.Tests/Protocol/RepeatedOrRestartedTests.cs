using NUnit.Framework;
using Rx.IotLink.Protocol.Version1;
using Rx.IotLink.Tests.Protocol.Driving;
using static Rx.IotLink.Tests.Protocol.Driving.ProtocolDriver;

namespace Rx.IotLink.Tests.Protocol;

/// <summary>
/// The judgement of each line that comes: new, repeated, or new because the peer's process has started anew. The same
/// at both ends.
/// </summary>
[TestFixture(Side.Client)]
[TestFixture(Side.Server)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RepeatedOrRestartedTests(Side side)
{
    private static readonly string[] Repeat = ["duplicate"];

    private readonly ProtocolDriver end = Open(side);

    [Test]
    public void The_same_line_on_the_same_connection_is_a_repeat()
    {
        Hear("00a", "01b", "02c");
        Assert.That(Judge("01b"), Is.EqualTo(Repeat));
        Assert.That(Judge("00a"), Is.EqualTo(Repeat), "00 too, whatever has come since");
    }

    [Test]
    public void Another_text_with_the_same_mid_on_the_same_connection_is_new_and_no_restart()
    {
        Hear("00a", "01b");
        Assert.That(Judge("01x"), Is.EqualTo(["line x"]));
    }

    [Test]
    public void The_same_line_on_a_later_connection_is_a_repeat()
    {
        Hear("00a", "01b", "02c");
        Reconnect();
        Assert.That(Judge("02c"), Is.EqualTo(Repeat));
        Assert.That(Judge("01b"), Is.EqualTo(Repeat));
    }

    [Test]
    public void Another_text_with_the_same_mid_on_a_later_connection_is_new_and_proves_nothing()
    {
        Hear("00a", "01b", "02c");
        Reconnect();
        Assert.That(Judge("01x"), Is.EqualTo(["line x"]), "a round of ids may have been lost in the outage");
        Assert.That(Judge("02c"), Is.EqualTo(Repeat));
        Assert.That(Judge("01b"), Is.EqualTo(Repeat), "though its id has come again");
    }

    [Test]
    public void Another_00_on_a_later_connection_is_a_restart()
    {
        Hear("00a", "01b", "02c");
        Reconnect();
        Assert.That(Judge("00x"), Is.EqualTo(["line x", "restarted"]));
        Assert.That(end.Told, Is.EqualTo(["the peer has restarted: its message ids began anew at 00"]));
    }

    /// <summary>
    /// A device that mixes lines with and without qos: those without are lost in the outage, their ids are not.
    /// </summary>
    [Test]
    public void A_line_whose_acknowledgement_was_lost_is_given_once_however_many_ids_were_lost_with_it([Range(0, 600, 7)] int lost, [Values(0, 1, 40, 300)] int before)
    {
        for (var mid = 0x00; mid <= 0x13; mid++)
            Hear($"{mid:x2}line{mid}");
        Assert.That(Judge("14EXACTLY-ONCE"), Is.EqualTo(["line EXACTLY-ONCE"]));
        Reconnect();
        var next = (byte)0x14;
        for (var skipped = 0; skipped <= lost; skipped++)
            next = Mid.After(next);
        for (var line = 0; line < before; line++, next = Mid.After(next))
            Assert.That(Judge($"{next:x2}after the outage {line}"), Is.EqualTo([$"line after the outage {line}"]));
        Assert.That(Judge("14EXACTLY-ONCE"), Is.EqualTo(Repeat));
    }

    [Test]
    public void A_stream_that_says_the_same_again_and_again_goes_on_after_an_outage([Range(0, 600, 7)] int lost)
    {
        var mid = (byte)0;
        for (var line = 0; line < 600; line++, mid = line == 0 ? (byte)0 : Mid.After(mid))
            Assert.That(Judge($"{mid:x2}ping"), Is.EqualTo(["line ping"]));
        Reconnect();
        for (var skipped = 0; skipped < lost; skipped++)
            mid = Mid.After(mid);
        // Its first line may be known: the same id with the same text, as if it were a repetition. From then on each
        // follows the one before it.
        Judge($"{mid:x2}ping");
        Judge($"{mid = Mid.After(mid):x2}ping");
        var taken = 0;
        for (var line = 0; line < 600; line++)
            taken += Judge($"{mid = Mid.After(mid):x2}ping") is ["line ping"] ? 1 : 0;
        Assert.That(taken, Is.GreaterThanOrEqualTo(lost % 255 < Mid.Count / 2 ? 600 : 600 - (Mid.Count / 2)), "half a round at most looks like repetitions");
    }

    [Test]
    public void A_restart_is_reported_once_a_connection()
    {
        Hear("00a", "01b", "02c");
        Reconnect();
        Assert.That(Judge("00x"), Is.EqualTo(["line x", "restarted"]));
        Assert.That(Judge("01y"), Is.EqualTo(["line y"]));
        Assert.That(Judge("02z"), Is.EqualTo(["line z"]));
        Reconnect();
        Assert.That(Judge("00w"), Is.EqualTo(["line w", "restarted"]), "and again when it happens again");
    }

    [Test]
    public void After_a_restart_the_same_texts_with_the_same_mids_are_new()
    {
        Hear("00a", "01b", "02c", "03d");
        Reconnect();
        Hear("00x");
        Assert.That(Judge("01b"), Is.EqualTo(["line b"]));
        Assert.That(Judge("03d"), Is.EqualTo(["line d"]));
    }

    [Test]
    public void After_a_restart_lines_of_this_connection_are_still_known()
    {
        Hear("00a", "01b", "02c");
        Reconnect();
        Hear("03new", "01x");
        Assert.That(Judge("03new"), Is.EqualTo(Repeat));
        Assert.That(Judge("01x"), Is.EqualTo(Repeat));
    }

    [Test]
    public void After_a_restart_whose_01_comes_before_its_00_both_are_new_and_it_is_reported_once()
    {
        Hear("00a", "01b", "02c");
        Reconnect();
        Assert.That(Judge("01x"), Is.EqualTo(["line x"]));
        Assert.That(Judge("00y"), Is.EqualTo(["line y", "restarted"]));
    }

    [Test]
    public void After_a_restart_a_00_that_comes_late_on_a_later_connection_is_no_other_restart()
    {
        Hear("00a", "01b");
        Reconnect();
        end.InboxFull = true;
        Assert.That(Judge("00x"), Is.EqualTo(["withheld x"]));
        end.InboxFull = false;
        Assert.That(Judge("01y"), Is.EqualTo(["line y", "restarted"]));
        Reconnect();
        Assert.That(Judge("00x"), Is.EqualTo(["line x"]));
        Assert.That(Judge("01y"), Is.EqualTo(Repeat));
    }

    [Test]
    public void After_a_restart_a_first_line_that_was_taken_for_a_repetition_is_new_when_it_comes_again()
    {
        end.Receive("00a\n01b\n");
        end.AcceptAll();
        Reconnect();
        Assert.That(Judge("00a"), Is.EqualTo([.. Repeat, "notice RepetitionAssumed"]));
        Assert.That(Judge("01x"), Is.EqualTo(["line x", "restarted"]), "so that was of another process");
        Assert.That(Judge("00a"), Is.EqualTo(["line a"]));
    }

    [Test]
    public void After_a_restart_that_shows_late_a_line_that_was_repeated_on_this_connection_is_still_known()
    {
        Hear("03old");
        Reconnect();
        end.Receive("00a\n01b\n02c\n");
        end.Take();
        Reconnect();
        Assert.That(Judge("02c"), Is.EqualTo(Repeat));
        Assert.That(Judge("03d"), Is.EqualTo(["line d"]), "the 00 came when too little was known to decide");
        Assert.That(Judge("02c"), Is.EqualTo(Repeat), "it is of the process that speaks now");
    }

    /// <summary>
    /// What shows a restart is of the process that speaks now, taken or not; and so is all that follows it, on this
    /// connection and on the next.
    /// </summary>
    [Test]
    public void After_a_restart_that_showed_in_a_line_without_room_what_came_behind_it_is_still_known_on_the_next_connection()
    {
        Hear("00a", "04b");
        Reconnect();
        end.InboxFull = true;
        Assert.That(Judge("00x"), Is.EqualTo(["withheld x"]));
        end.InboxFull = false;
        Assert.That(Judge("05y"), Is.EqualTo(["line y", "restarted"]));
        Assert.That(end.Told.Single(), Does.StartWith("the peer has restarted"));
        Reconnect();
        Assert.That(Judge("00x"), Is.EqualTo(["line x"]), "it was reported already");
        Assert.That(Judge("05y"), Is.EqualTo(Repeat));
    }

    [Test]
    public void A_restart_that_showed_in_a_line_without_room_is_reported_with_the_next_line_even_on_another_connection()
    {
        Hear("00a", "04b");
        Reconnect();
        end.InboxFull = true;
        Assert.That(Judge("00x"), Is.EqualTo(["withheld x"]));
        Reconnect();
        end.InboxFull = false;
        Assert.That(Judge("00x"), Is.EqualTo(["line x", "restarted"]));
    }

    [Test]
    public void A_restart_is_not_reported_while_its_line_finds_no_room()
    {
        Hear("00a", "01b");
        Reconnect();
        end.InboxFull = true;
        Assert.That(Judge("00x"), Is.EqualTo(["withheld x"]));
        end.InboxFull = false;
        Assert.That(Judge("00x"), Is.EqualTo(["line x", "restarted"]));
    }

    [Test]
    public void An_old_unaccepted_line_is_not_acknowledged_to_the_restarted_peer()
    {
        end.Receive("00a\n01b\n");
        Reconnect();
        end.Receive("01x\n");
        end.Take();
        end.AcceptAll();
        Assert.That(end.TakeSaid(), Is.EqualTo(["01"]), "that of x alone");
    }

    [Test]
    public void A_00_with_the_same_text_and_nothing_new_since_is_a_repeat()
    {
        Hear("00a");
        Assert.That(Judge("00a"), Is.EqualTo(Repeat));
        Reconnect();
        Assert.That(Judge("00a"), Is.EqualTo([.. Repeat, "notice RepetitionAssumed"]), "and that is reported: a restarted peer might look the same");
        Assert.That(end.Told.Single(), Does.StartWith("line 00, the first of the peer's process, came again on a later connection and was taken for a repetition"));
    }

    /// <summary>
    /// Where each way takes longer than the timeout, a connection may have been there for three timeouts before the
    /// peer is even open, and can repeat what it has no acknowledgement of.
    /// </summary>
    [Test]
    public void A_connection_on_which_all_is_late_proves_nothing_before_a_repetition_could_have_come()
    {
        Hear("00a", "01b");
        end.Disconnect();
        end.Connect();
        end.Advance(2.6 * T);
        KeepAlive(3.5 * T);
        Reconnect();
        Assert.That(Judge("01b"), Is.EqualTo(Repeat));
    }

    [Test]
    public void A_connection_on_which_all_was_late_proves_something_when_it_goes_on()
    {
        Hear("00a", "01b");
        end.Disconnect();
        end.Connect();
        end.Advance(2.6 * T);
        KeepAlive(7 * T);
        Reconnect();
        Assert.That(Judge("01b"), Is.EqualTo(["line b"]));
    }

    /// <summary>
    /// What the peer repeats on a new connection comes one behind the other: while one trickles in, the next may be
    /// behind it.
    /// </summary>
    [Test]
    public void A_line_that_takes_long_to_come_proves_nothing([Values] bool comesToItsEnd)
    {
        Hear("00a", "01b");
        Reconnect();
        end.Receive("02long");
        for (var time = TimeSpan.Zero; time < 4 * T; time += T / 4)
        {
            end.Advance(T / 4);
            end.Receive("er");
        }

        if (comesToItsEnd)
            end.Receive("\n");
        Reconnect();
        Assert.That(Judge("01b"), Is.EqualTo(Repeat));
    }

    [Test]
    public void A_00_with_the_same_text_after_new_lines_is_a_restart()
    {
        Hear("00a", "01b");
        Reconnect();
        Assert.That(Judge("00a"), Is.EqualTo(["line a", "restarted"]));
    }

    [Test]
    public void A_00_with_another_text_is_a_restart_even_with_nothing_new_since()
    {
        Hear("00a");
        Reconnect();
        Assert.That(Judge("00x"), Is.EqualTo(["line x", "restarted"]));
    }

    [Test]
    public void A_00_that_was_not_acknowledged_is_a_repeat_even_after_new_lines()
    {
        end.Receive("00a\n01b\n02c\n");
        end.Take();
        Reconnect();
        Assert.That(Judge("00a"), Is.EqualTo(Repeat), "the peer cannot know that it came");
    }

    [Test]
    public void A_00_long_forgotten_by_the_filter_is_a_restart_on_a_later_connection()
    {
        HearMids(0x00, 0x90);
        Reconnect();
        Assert.That(Judge("00x0"), Is.EqualTo(["line x0", "restarted"]));
    }

    [Test]
    public void A_first_00_after_lines_of_an_earlier_connection_is_new_when_they_are_as_young_as_it()
    {
        Hear("01b", "0fc");
        Reconnect();
        Assert.That(Judge("00a"), Is.EqualTo(["line a"]), "it was lost on the first connection");
    }

    [Test]
    public void A_first_00_after_older_lines_of_an_earlier_connection_is_a_restart()
    {
        Hear("01b", "10c");
        Reconnect();
        Assert.That(Judge("00a"), Is.EqualTo(["line a", "restarted"]), "our end has started anew, and then the peer's");
    }

    [Test]
    public void A_first_00_is_new_on_the_connection_that_brought_the_other_lines()
    {
        Hear("01b", "02c", "20d");
        Assert.That(Judge("00a"), Is.EqualTo(["line a"]));
    }

    private void Reconnect()
    {
        end.Reconnect();
        end.Take();
    }

    /// <summary>The peer says lines, which are accepted.</summary>
    private void Hear(params string[] lines)
    {
        foreach (var line in lines)
        {
            end.Receive(line + "\n");
            end.AcceptAll();
        }

        end.Take();
    }

    /// <summary>The peer says keepalives for so long.</summary>
    private void KeepAlive(TimeSpan length)
    {
        for (var time = TimeSpan.Zero; time < length; time += T / 4)
        {
            end.Receive("\n");
            end.Advance(T / 4);
        }
    }

    private void HearMids(int from, int to)
    {
        for (var mid = from; mid <= to; mid++)
            Hear($"{mid:x2}x{mid}");
    }

    /// <summary>The events of a line, without acknowledgements.</summary>
    private string[] Judge(string line)
    {
        end.Take();
        end.Receive(line + "\n");
        end.AcceptAll();
        return [.. end.Take().Where(entry => !entry.StartsWith("> ", StringComparison.Ordinal))];
    }
}
