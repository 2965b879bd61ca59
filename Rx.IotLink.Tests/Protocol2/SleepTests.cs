using System.Reactive;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Testing;
using Rx.IotLink.Tests.Simulation;

namespace Rx.IotLink.Tests.Protocol2;

/// <summary>A device that sleeps, and says so. All in virtual time.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class SleepTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);
    private static readonly TimeSpan RoundTrip = TimeSpan.FromMilliseconds(20);
    private static readonly PathConditions Path = new() { Latency = RoundTrip / 2 };

    [Test]
    public void The_server_shows_until_when_the_device_sleeps_and_that_is_no_outage()
    {
        using var link = Start();
        var changes = link.Network.Record(link.Server.Changes);

        var sleeping = Client(link).SleepAsync(Hour);
        var fellAsleep = link.Scheduler.Now;
        link.Run(10 * Second);

        var (there, here) = (Now(link.ServerEnd), Now(link.Client));
        Assert.Multiple(() =>
        {
            Assert.That((there.Status, here.Status), Is.EqualTo((LinkStatus.Asleep, LinkStatus.Asleep)));
            Assert.That(there.AsleepUntil - fellAsleep, Is.EqualTo(Hour).Within(RoundTrip), "the server has heard it a little later");
            Assert.That(here.AsleepUntil - fellAsleep, Is.EqualTo(Hour));
            Assert.That(there.ToString(), Is.EqualTo($"Asleep until {there.AsleepUntil:u}"));
            Assert.That(there.Outage, Is.EqualTo(new Outage(OutageReason.PeerLeft, $"asleep until {there.AsleepUntil:u}") { SleepsFor = Hour }));
            Assert.That((link.ServerEnd.Counters.Outages, link.Client.Counters.Outages), Is.EqualTo((0, 0)));
            Assert.That(link.Server.MissingIds, Is.Empty, "health does not miss it");
            Assert.That(changes.Values.Select(change => change.Kind), Is.EqualTo([LinkChangeKind.Asleep]));
            Assert.That(link.Path.Connections, Is.Zero);
            Assert.That(sleeping.IsCompleted, Is.False);
        });
    }

    [Test]
    public void On_waking_the_session_resumes_in_one_round_trip()
    {
        using var link = Start();
        var (up, down) = (new List<string>(), new List<(string, TimeSpan)>());
        using var heardThere = link.ServerEnd.Lines.Subscribe(up.Add);
        using var heardHere = link.Client.Lines.Subscribe(line => down.Add((line, link.Network.Now)));
        var sleeping = Client(link).SleepAsync(Hour);
        link.Run(Hour / 2);
        _ = link.Client.WriteAsync("a reading");
        _ = link.ServerEnd.WriteAsync("a command");
        var wakes = link.Network.Now + (Hour / 2);

        link.Run((Hour / 2) - (2 * Second));
        Assert.That((up.Count, down.Count, link.Path.Attempts.Count), Is.EqualTo((0, 0, 1)), "it sleeps");
        link.Run(3 * Second);

        // TCP's handshake is one round trip; the opening and its answer, with the command behind, are the other.
        Assert.That(down, Has.Count.EqualTo(1));
        Assert.That(down[0].Item2 - wakes, Is.LessThanOrEqualTo((2 * RoundTrip) + TimeSpan.FromMilliseconds(1)));
        Assert.That(up, Is.EqualTo(["a reading"]));
        Assert.That((sleeping.IsCompletedSuccessfully, Now(link.Client).IsUp, Now(link.ServerEnd).IsUp), Is.EqualTo((true, true, true)));
        Assert.That(link.ServerEnd.Counters.Outages, Is.Zero);
    }

    [Test]
    public void A_device_that_oversleeps_is_reported_once_its_clock_can_no_longer_be_blamed()
    {
        using var link = Start();
        var alarms = link.Network.Record(link.ServerEnd.GoneFor(5 * Second));
        _ = Client(link).SleepAsync(Hour);
        link.Run(Second);
        using var refusal = link.Path.Refuse();
        var late = Hour + (Hour / 10) + (30 * Second);

        link.Run(late - (2 * Second));
        Assert.That((Now(link.ServerEnd).Status, alarms.Values.Count), Is.EqualTo((LinkStatus.Asleep, 0)));
        Assert.That((Now(link.Client).Status, link.Client.Counters.Outages), Is.EqualTo((LinkStatus.Down, 1)), "it woke, and there is no server");
        link.Run(3 * Second);
        var state = Now(link.ServerEnd);
        link.Run(5 * Second);

        Assert.Multiple(() =>
        {
            Assert.That((state.Status, state.AsleepUntil, state.Outage), Is.EqualTo((LinkStatus.Down, (DateTimeOffset?)null, new Outage(OutageReason.Overslept, "it slept for 3600 s, and has not come back"))));
            Assert.That(link.ServerEnd.Counters.Outages, Is.EqualTo(1));
            Assert.That(link.Server.MissingIds, Is.EqualTo([SimulatedLink.Id]));
            Assert.That(alarms.Values.Select(alarm => alarm.Outage!.Reason), Is.EqualTo([OutageReason.Overslept]));
        });
    }

    [Test]
    public void It_can_be_woken_earlier()
    {
        using var link = Start();
        using var wake = new CancellationTokenSource();
        var sleeping = Client(link).SleepAsync(Hour, wake.Token);
        link.Run(60 * Second);

        wake.Cancel();
        link.Run(Second);

        Assert.That((sleeping.IsCanceled, Now(link.Client).IsUp, Now(link.ServerEnd).IsUp), Is.EqualTo((true, true, true)));
    }

    [Test]
    public async Task It_sleeps_once_at_a_time_and_not_for_ever_nor_closed()
    {
        using var link = Start();
        var client = Client(link);
        var sleeping = client.SleepAsync(Hour);

        Assert.That(() => client.SleepAsync(Hour), Throws.InvalidOperationException);
        Assert.That(() => client.SleepAsync(TimeSpan.Zero), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => client.SleepAsync(TimeSpan.FromDays(367)), Throws.InstanceOf<ArgumentOutOfRangeException>());
        link.Run(Second);
        await client.CloseAsync(new CancellationToken(canceled: true));
        link.Run(Second);
        Assert.That(sleeping.IsCompletedSuccessfully, Is.True);
        Assert.That(() => client.SleepAsync(Hour), Throws.InstanceOf<LinkClosedException>());
        link.Run(2 * Hour);
        Assert.That(link.Path.Attempts, Has.Count.EqualTo(1));
    }

    [Test]
    public void A_link_that_is_down_sleeps_too_and_makes_no_attempt()
    {
        using var link = Start();
        link.Run(10 * Second);
        using (link.Path.Refuse())
        {
            link.Path.Kill();
            link.Run(10 * Second);
            _ = Client(link).SleepAsync(Hour);
            var attempts = link.Path.Attempts.Count;
            link.Run(Hour - Second);
            Assert.That(link.Path.Attempts, Has.Count.EqualTo(attempts));
        }

        link.Run(2 * Second);
        Assert.That(Now(link.Client).IsUp, Is.True);
    }

    [Test]
    public void A_year_of_a_meter_that_wakes_each_hour()
    {
        const int Hours = 365 * 24;
        using var link = Start();
        var (readings, commands) = (new List<string>(), new List<string>());
        using var there = link.ServerEnd.Lines.Subscribe(readings.Add);
        using var here = link.Client.Lines.Subscribe(commands.Add);
        var alarms = link.Network.Record(link.ServerEnd.GoneFor(TimeSpan.FromMilliseconds(1)));
        var begun = link.Network.Now;
        // On the clock, so that it stays on its thread.
        var meter = Task.CompletedTask;
        link.Scheduler.Schedule(() => meter = MeterAsync(Client(link), Hours));

        for (var day = 0; day < 365; day++)
        {
            _ = link.ServerEnd.WriteAsync($"tariff {day}");
            link.Run(TimeSpan.FromDays(1));
        }

        link.Run(Hour);
        Assert.Multiple(() =>
        {
            Assert.That(meter.IsCompletedSuccessfully, Is.True);
            Assert.That(readings, Is.EqualTo(Enumerable.Range(0, Hours).Select(n => $"kWh {n}")));
            Assert.That(commands, Is.EqualTo(Enumerable.Range(0, 365).Select(n => $"tariff {n}")));
            Assert.That(link.Path.Attempts, Has.Count.EqualTo(Hours + 1), "one connection an hour, and none that failed");
            Assert.That((link.ServerEnd.Counters.Outages, link.Client.Counters.Outages, alarms.Values.Count), Is.EqualTo((0, 0, 0)));
            Assert.That((link.ServerEnd.Counters.LinesRepeated, link.Client.Counters.LinesRepeated), Is.EqualTo((0, 0)));
            Assert.That(link.Network.Now - begun, Is.EqualTo(TimeSpan.FromDays(365) + Hour));
        });
    }

    private static async Task MeterAsync(IotLinkClient client, int times)
    {
        for (var number = 0; number < times; number++)
        {
            await client.WriteAsync($"kWh {number}");
            await client.SleepAsync(Hour - Second);
        }
    }

    private static SimulatedLink Start()
    {
        var link = SimulatedLink.Start(path: Path);
        link.Run(Second);
        Assert.That(Now(link.Client).IsUp, Is.True);
        return link;
    }

    private static IotLinkClient Client(SimulatedLink link) => (IotLinkClient)link.Client;

    private static LinkState Now(ILink link) => link.State.FirstAsync().GetAwaiter().GetResult();
}
