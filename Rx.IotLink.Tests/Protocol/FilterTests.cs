using NUnit.Framework;
using Rx.IotLink.Tests.Protocol.Driving;
using static Rx.IotLink.Tests.Protocol.Driving.ProtocolDriver;

namespace Rx.IotLink.Tests.Protocol;

/// <summary>
/// How long a received line is known: until its mid is half a round old, or the peer can have no reason to repeat it.
/// </summary>
[TestFixture(Side.Client)]
[TestFixture(Side.Server)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class FilterTests(Side side)
{
    private static readonly string[] Known = ["duplicate"];
    private static readonly string[] New = ["line x"];
    private static readonly string[] Restarted = ["line x", "restarted"];

    private readonly ProtocolDriver end = Open(side);

    [Test]
    public void A_mid_is_known_until_one_half_a_round_later_comes()
    {
        Hear(0x00, 0x7f);
        Assert.That(IsNew("01x"), Is.False);
        Hear(0x80, 0x80);
        Assert.That(IsNew("01x"), Is.True);
    }

    [Test]
    public void The_same_text_with_the_same_mid_a_round_later_is_new()
    {
        Hear(0x00, 0xff);
        for (var round = 0; round < 3; round++)
            Hear(0x01, 0xff);
    }

    [Test]
    public void Mids_that_were_lost_on_the_way_pass_all_the_same()
    {
        Hear(0x00, 0x80);
        Outage();
        // 81 to 98 were best effort and are lost.
        Hear(0x99, 0xff);
        Hear(0x01, 0x80);
    }

    [Test]
    public void Mids_that_were_lost_over_a_wrap_pass_all_the_same()
    {
        Hear(0x00, 0xf0);
        Outage();
        Hear(0x18, 0xff);
        Hear(0x01, 0xff);
    }

    [Test]
    public void A_late_repetition_passes_nothing()
    {
        Hear(0x00, 0x04);
        Hear(0x06, 0x40);
        Assert.That(IsNew("05x"), Is.True, "it comes late");
        Assert.That(IsNew("05x"), Is.False);
        Assert.That(IsNew("30x"), Is.False);
        Hear(0x41, 0x7f);
        Assert.That(IsNew("07x"), Is.False);
    }

    [Test]
    public void A_line_that_is_not_acknowledged_yet_is_known_however_many_follow_it()
    {
        for (var mid = 0x00; mid <= 0xc8; mid++)
            end.Receive($"{mid:x2}x\n");
        end.Take();
        for (var mid = 0x00; mid <= 0xc8; mid++)
            Assert.That(IsNew($"{mid:x2}x", accept: false), Is.False, $"the peer repeats {mid:x2}, since it was not acknowledged");
    }

    [Test]
    public void A_line_that_can_no_longer_be_acknowledged_is_forgotten_with_the_others()
    {
        end.Receive("00x\n01x\n");
        Outage();
        end.AcceptAll();
        end.Take();
        Hear(0x02, 0xff);
        Assert.That(IsNew("01x"), Is.True, "best effort, it was not repeated on the next connection");
    }

    [TestCase(0, true)]
    [TestCase(1, false)]
    public void A_line_is_known_after_an_outage_that_came_up_to_3_T_after_its_acknowledgement(long ticksMore, bool known)
    {
        Hear(0x00, 0x02);
        end.Advance((3 * T) + TimeSpan.FromTicks(ticksMore));
        end.Receive("\n\n");
        Outage();
        Assert.That(Told("02x"), Is.EqualTo(known ? Known : New));
    }

    [TestCase(0, true)]
    [TestCase(1, false)]
    public void The_3_T_are_counted_up_to_what_was_heard_last(long ticksMore, bool known)
    {
        Hear(0x00, 0x02);
        end.Advance((3 * T) + TimeSpan.FromTicks(ticksMore));
        end.Receive("\n\n");
        end.Advance(10 * T);
        Outage();
        Assert.That(Told("02x"), Is.EqualTo(known ? Known : New));
    }

    [TestCase(0, true)]
    [TestCase(1, false)]
    public void A_line_is_known_unless_a_later_connection_lasted_3_T_without_its_repetition(long ticksMore, bool known)
    {
        Hear(0x00, 0x02);
        end.Disconnect();
        end.Advance(10 * T);
        end.ConnectAndOpen();
        var opening = side == Side.Server ? SettlingTime : TimeSpan.Zero;
        end.Advance((3 * T) - opening + TimeSpan.FromTicks(ticksMore));
        end.Receive("\n\n");
        Outage();
        Assert.That(Told("02x"), Is.EqualTo(known ? Known : New));
    }

    [Test]
    public void A_repetition_starts_the_3_T_anew()
    {
        Hear(0x00, 0x02);
        end.Advance(3 * T);
        end.Receive("02x\n");
        end.Advance(3 * T);
        end.Receive("\n\n");
        Outage();
        Assert.That(IsNew("02x"), Is.False);
    }

    [Test]
    public void A_line_that_was_not_acknowledged_is_known_after_any_time()
    {
        end.Receive("00x\n01x\n");
        end.Advance(100 * T);
        end.Receive("\n\n");
        Outage();
        Assert.That(IsNew("01x", accept: false), Is.False);
        Assert.That(IsNew("00x", accept: false), Is.False);
    }

    [Test]
    public void A_line_that_came_again_and_is_still_not_acknowledged_is_known_after_any_time()
    {
        end.Receive("00x\n01x\n");
        end.Receive("01x\n");
        end.Advance(100 * T);
        end.Receive("\n\n");
        Outage();
        Assert.That(IsNew("01x", accept: false), Is.False);
    }

    [Test]
    public void A_00_with_the_same_text_long_after_its_acknowledgement_is_a_restart()
    {
        Hear(0x00, 0x00);
        end.Advance((3 * T) + Tick);
        end.Receive("\n\n");
        Outage();
        Assert.That(Told("00x"), Is.EqualTo(Restarted));
    }

    private void Outage()
    {
        end.Reconnect();
        end.Take();
    }

    /// <summary>
    /// The peer says a line with each mid, always with the same text, each is new to us, and accepted.
    /// </summary>
    private void Hear(int from, int to)
    {
        for (var mid = from; mid <= to; mid++)
            Assert.That(IsNew($"{mid:x2}x"), Is.True, $"{mid:x2} is new");
    }

    private bool IsNew(string line, bool accept = true)
    {
        var told = Told(line, accept);
        Assert.That(told, Has.Length.EqualTo(1), $"{line}: {string.Join(", ", told)}");
        return told[0] == "line x";
    }

    /// <summary>The events of a line, without acknowledgements.</summary>
    private string[] Told(string line, bool accept = true)
    {
        end.Take();
        end.Receive(line + "\n");
        var told = end.Take().Where(entry => !entry.StartsWith("> ", StringComparison.Ordinal)).ToArray();
        if (accept)
            end.AcceptAll();
        return told;
    }
}
