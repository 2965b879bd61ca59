using System.Reactive.Concurrency;
using NUnit.Framework;
using Rx.IotLink.Tests.Protocol.Driving;
using Rx.IotLink.Time;
using static Rx.IotLink.Tests.Protocol.Linking.LinkBench;

namespace Rx.IotLink.Tests.Protocol.Linking;

/// <summary>Two threads at once, played by one: the second acts while the first is inside the scheduler.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RaceTests
{
    private readonly MeddlingScheduler scheduler = new();

    [Test]
    public void A_write_while_a_connection_is_taken_does_not_lengthen_the_servers_T()
    {
        using var server = new LinkBench(Side.Server, scheduler: scheduler);
        scheduler.Meddle = () => server.Link.Writer.OnNext("x");
        server.Serve();
        server.Advance(T);
        Assert.That(server.State, Is.EqualTo((LinkStatus.Down, (OutageReason?)OutageReason.Silence)));
    }

    [Test]
    public void An_alarm_that_is_set_earlier_while_it_is_being_set_rings_at_the_earlier_time_and_can_be_set_again()
    {
        var rang = new List<long>();
        using var alarm = new CallingAlarm(Deadlines.On(scheduler), () => rang.Add(scheduler.Clock));
        scheduler.Meddle = () => alarm.Set(TimeSpan.FromTicks(50));
        alarm.Set(TimeSpan.FromTicks(100));
        scheduler.AdvanceTo(60);
        Assert.That(rang, Is.EqualTo([50L]));
        alarm.Set(TimeSpan.FromTicks(100));
        scheduler.AdvanceTo(200);
        alarm.Set(TimeSpan.FromTicks(300));
        scheduler.AdvanceTo(400);
        Assert.That(rang, Is.EqualTo([50L, 100L, 300L]));
    }

    [Test]
    public void An_alarm_rings_at_the_earliest_deadline_it_was_set_for_and_never_twice_for_one()
    {
        var rang = new List<long>();
        using var alarm = new CallingAlarm(Deadlines.On(scheduler), () => rang.Add(scheduler.Clock));
        alarm.Set(null);
        alarm.Set(TimeSpan.FromTicks(100));
        alarm.Set(TimeSpan.FromTicks(200));
        alarm.Set(TimeSpan.FromTicks(50));
        alarm.Set(null);
        scheduler.AdvanceTo(49);
        Assert.That(rang, Is.Empty);
        scheduler.AdvanceTo(1_000);
        Assert.That(rang, Is.EqualTo([50L]), "the later ones are to be set again by who is rung");
        alarm.Set(TimeSpan.FromTicks(500));
        scheduler.AdvanceTo(2_000);
        Assert.That(rang, Is.EqualTo([50L, 1_001L]), "a deadline in the past rings in the next tick");
    }
}
