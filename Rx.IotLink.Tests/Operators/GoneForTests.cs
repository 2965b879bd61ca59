using System.Reactive.Linq;
using Microsoft.Reactive.Testing;
using NUnit.Framework;

namespace Rx.IotLink.Tests.Operators;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class GoneForTests
{
    private static readonly TimeSpan Millisecond = TimeSpan.FromMilliseconds(1);
    private static readonly long Ms = Millisecond.Ticks;
    private readonly TestScheduler scheduler = new();
    private readonly ScriptedLink link = new();

    [Test]
    public void The_alarm_comes_when_the_duration_is_over_and_once()
    {
        var seen = Watch((0, State(LinkStatus.Up)), (1 * Ms, State(LinkStatus.Down)));

        Assert.That(seen, Is.EqualTo(new[] { (4 * Ms, State(LinkStatus.Down)) }));
    }

    [Test]
    public void A_shorter_outage_raises_none_and_does_not_add_up()
    {
        var seen = Watch(
            (0, State(LinkStatus.Down)), (3 * Ms - 1, State(LinkStatus.Up)),
            (4 * Ms, State(LinkStatus.Down)), (5 * Ms, State(LinkStatus.Up)));

        Assert.That(seen, Is.Empty);
    }

    [Test]
    public void Each_outage_has_its_alarm()
    {
        var seen = Watch(
            (0, State(LinkStatus.Down)), (10 * Ms, State(LinkStatus.Up, 2)),
            (20 * Ms, State(LinkStatus.Down, 2)), (30 * Ms, State(LinkStatus.Up, 3)));

        Assert.That(seen, Is.EqualTo(new[] { (3 * Ms, State(LinkStatus.Down)), (23 * Ms, State(LinkStatus.Down, 2)) }));
    }

    [Test]
    public void Further_words_of_an_outage_neither_delay_nor_repeat_its_alarm_which_has_the_latest()
    {
        var (first, second, third) = (State(LinkStatus.Down), State(LinkStatus.Down, because: "second"), State(LinkStatus.Down, because: "third"));

        var seen = Watch((0, first), (2 * Ms, second), (5 * Ms, third));

        Assert.That(seen, Is.EqualTo(new[] { (3 * Ms, second) }));
    }

    [Test]
    public void A_link_that_never_came_up_is_gone_too()
    {
        Assert.That(Watch((0, State(LinkStatus.Connecting))), Is.EqualTo(new[] { (3 * Ms, State(LinkStatus.Connecting)) }));
    }

    [Test]
    public void A_refused_link_is_gone_though_its_states_have_ended()
    {
        var seen = Watch(completeAt: 1 * Ms + 1, (0, State(LinkStatus.Up)), (1 * Ms, State(LinkStatus.Refused)));

        Assert.That(seen, Is.EqualTo(new[] { (4 * Ms, State(LinkStatus.Refused)) }));
    }

    [Test]
    public void A_link_closed_here_is_not_missed_and_the_watch_is_over()
    {
        var completed = false;
        using var subscription = link.GoneFor(3 * Millisecond, scheduler).Subscribe(_ => Assert.Fail("no alarm was due"), () => completed = true);

        link.States.OnNext(State(LinkStatus.Down));
        scheduler.AdvanceBy(1 * Ms);
        link.States.OnNext(State(LinkStatus.Closed));
        scheduler.AdvanceBy(10 * Ms);

        Assert.That(completed);
        Assert.That(link.States.HasObservers, Is.False);
    }

    [Test]
    public void An_error_of_the_states_comes_through()
    {
        var broken = new IOException("broken");
        Exception? seen = null;
        using var subscription = link.GoneFor(3 * Millisecond, scheduler).Subscribe(_ => { }, error => seen = error);

        link.States.OnError(broken);

        Assert.That(seen, Is.SameAs(broken));
    }

    [Test]
    public void Unsubscribing_stops_the_watch()
    {
        var subscription = link.GoneFor(3 * Millisecond, scheduler).Subscribe(_ => Assert.Fail("nobody is watching"));
        link.States.OnNext(State(LinkStatus.Down));

        subscription.Dispose();
        scheduler.AdvanceBy(10 * Ms);

        Assert.That(link.States.HasObservers, Is.False);
    }

    [Test]
    public void A_duration_of_nothing_is_refused() =>
        Assert.That(() => link.GoneFor(TimeSpan.Zero, scheduler), Throws.InstanceOf<ArgumentOutOfRangeException>());

    [Test]
    public void A_real_link_is_reported_gone_by_both_ends_and_up_again()
    {
        using var pair = new LinkPair(scheduler);
        var alarms = new List<LinkStatus>();
        var up = new List<bool>();
        using var first = pair.Server.GoneFor(TimeSpan.FromMinutes(5), scheduler).Subscribe(state => alarms.Add(state.Status));
        using var second = pair.Device.GoneFor(TimeSpan.FromMinutes(5), scheduler).Subscribe(state => alarms.Add(state.Status));
        using var third = pair.Server.IsUp().Subscribe(up.Add);

        pair.GoDown();
        pair.Advance(TimeSpan.FromMinutes(4));
        pair.ComeUp();
        pair.Advance(TimeSpan.FromMinutes(4));
        Assert.That(alarms, Is.Empty);

        pair.GoDown();
        pair.Advance(TimeSpan.FromMinutes(60));
        Assert.That(alarms, Is.EqualTo(new[] { LinkStatus.Down, LinkStatus.Down }));
        Assert.That(up, Is.EqualTo(new[] { true, false, true, false }));
    }

    [Test]
    public void IsUp_gives_each_change_once()
    {
        var seen = new List<bool>();
        using var subscription = link.IsUp().Subscribe(seen.Add);

        foreach (var status in new[] { LinkStatus.Connecting, LinkStatus.Up, LinkStatus.Up, LinkStatus.Down, LinkStatus.Down, LinkStatus.Up, LinkStatus.Closed })
            link.States.OnNext(State(status));

        Assert.That(seen, Is.EqualTo(new[] { false, true, false, true, false }));
    }

    private List<(long At, LinkState State)> Watch(params (long At, LinkState State)[] states) => Watch(completeAt: null, states);

    /// <summary>The alarms of a link that is gone for 3 ms, with their times from the subscription.</summary>
    private List<(long At, LinkState State)> Watch(long? completeAt, params (long At, LinkState State)[] states)
    {
        var seen = new List<(long, LinkState)>();
        using var subscription = link.GoneFor(3 * Millisecond, scheduler).Subscribe(state => seen.Add((scheduler.Clock, state)));
        foreach (var (at, state) in states)
        {
            scheduler.AdvanceTo(at);
            link.States.OnNext(state);
        }

        if (completeAt is { } end)
        {
            scheduler.AdvanceTo(end);
            link.States.OnCompleted();
        }

        scheduler.AdvanceBy(1_000 * Ms);
        return seen;
    }

    private static LinkState State(LinkStatus status, int connections = 1, string because = "first") =>
        new(status, default, connections, new Outage(OutageReason.Silence, because));
}
