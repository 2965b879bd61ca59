using System.Reactive.Linq;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Protocol;
using Rx.IotLink.Server;
using Rx.IotLink.Testing;

namespace Rx.IotLink.Tests.Protocol2;

/// <summary>A device sleeps, and its server starts anew meanwhile, over the same store. All in virtual time.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class KeptSleepTests
{
    private const string Id = "meter-1";

    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    /// <summary>When a device that fell asleep after a second has overslept.</summary>
    private static readonly TimeSpan Late = Second + Hour + (Hour / 10) + TimeSpan.FromSeconds(30);

    [Test]
    public void The_next_server_shows_the_same_time_of_waking_and_no_outage([Values] bool isExpected)
    {
        using var fleet = new Fleet(isExpected);
        var before = fleet.FallAsleep();

        fleet.Server.Crashes(Minute, Second, MemoryAfterCrash.Kept);
        fleet.Network.RunFor(Minute);

        Assert.Multiple(() =>
        {
            Assert.That(fleet.Server.Starts, Is.EqualTo(2));
            Assert.That(fleet.Now, Is.EqualTo(before with { Connections = 0 }));
            Assert.That(fleet.Now.AsleepUntil, Is.EqualTo(DateTimeOffset.MinValue + Second + Hour));
            Assert.That(fleet.Server.Process.MissingIds, Is.Empty);
            Assert.That(fleet.Server.Process.GetConnections().Single().State.AsleepUntil, Is.EqualTo(before.AsleepUntil));
            Assert.That(fleet.Changes, Is.EqualTo([LinkChangeKind.Asleep]), "of the second process");
        });
    }

    [Test]
    public void A_device_that_oversleeps_is_reported_by_the_next_server_at_the_same_moment()
    {
        using var fleet = new Fleet();
        _ = fleet.FallAsleep();
        fleet.Server.Crashes(Minute, Second, MemoryAfterCrash.Kept);
        fleet.Network.RunFor(2 * Minute);
        using var refusal = fleet.Device.Path.Refuse();
        var alarms = fleet.Network.Record(fleet.Link.GoneFor(5 * Second));

        fleet.RunUntil(Late - Second);
        Assert.That((fleet.Now.Status, alarms.Values.Count), Is.EqualTo((LinkStatus.Asleep, 0)));
        fleet.RunUntil(Late + Second);
        Assert.That((fleet.Now.Status, fleet.Now.Outage!.Reason), Is.EqualTo((LinkStatus.Down, OutageReason.Overslept)));
        Assert.That(fleet.Server.Process.MissingIds, Is.EqualTo([Id]));
        fleet.RunUntil(Late + (6 * Second));
        Assert.That(alarms.Values.Select(alarm => alarm.Outage!.Reason), Is.EqualTo([OutageReason.Overslept]));
    }

    /// <summary>It woke while there was no server, and may be trying.</summary>
    [Test]
    public void A_server_that_was_away_for_longer_than_the_device_slept_gives_it_the_time_to_come()
    {
        using var fleet = new Fleet();
        _ = fleet.FallAsleep();
        fleet.Server.Crashes(Minute, 2 * Hour, MemoryAfterCrash.Kept);
        using var refusal = fleet.Device.Path.Refuse();
        fleet.RunUntil(Minute + (2 * Hour) + (29 * Second));
        Assert.That(fleet.Now.Status, Is.EqualTo(LinkStatus.Asleep));
        fleet.Network.RunFor(2 * Second);
        Assert.That(fleet.Now.Outage!.Reason, Is.EqualTo(OutageReason.Overslept));
    }

    [Test]
    public void A_device_that_wakes_at_the_next_server_is_awake_for_the_one_after_that()
    {
        using var fleet = new Fleet();
        _ = fleet.FallAsleep();
        fleet.Server.Crashes(Minute, Second, MemoryAfterCrash.Kept);
        fleet.Server.Crashes(Hour + Minute, Second, MemoryAfterCrash.Kept);
        fleet.RunUntil(Hour + (10 * Second));
        Assert.That((fleet.Now.Status, fleet.Link.Counters.Outages), Is.EqualTo((LinkStatus.Up, 0)));
        Assert.That(fleet.Server.Disk.MemoryOf(Id)!.Connections, Is.Zero);

        fleet.RunUntil(Hour + (2 * Minute));
        Assert.That((fleet.Server.Starts, fleet.Now.Status), Is.EqualTo((3, LinkStatus.Up)));
        Assert.That(fleet.Changes, Has.No.Member(LinkChangeKind.Asleep));
    }

    /// <summary>It comes just when the server starts: before the store was asked, or answered.</summary>
    [Test]
    public void A_store_that_fails_when_the_server_starts_is_asked_again_and_a_device_that_comes_first_is_awake([Values] bool comesFirst)
    {
        using var fleet = new Fleet();
        using var wake = new CancellationTokenSource();
        _ = fleet.FallAsleep(wake.Token);
        fleet.Server.Crashes(Minute, Second, MemoryAfterCrash.Kept);
        fleet.RunUntil(Minute - Second);
        fleet.Server.Disk.Fault = new IOException("it is not there yet");
        fleet.Network.RunFor(3 * Second);
        Assert.That((fleet.Server.Starts, fleet.Server.Process.Find(Id)), Is.EqualTo((2, (ILink?)null)));

        fleet.Server.Disk.Fault = null;
        if (comesFirst)
            wake.Cancel();
        fleet.Network.RunFor(20 * Second);
        Assert.That(fleet.Now.Status, Is.EqualTo(comesFirst ? LinkStatus.Up : LinkStatus.Asleep));
        Assert.That(fleet.Server.Disk.MemoryOf(Id)!.Connections == 0, Is.EqualTo(comesFirst));
        Assert.That(fleet.Changes.Contains(LinkChangeKind.Asleep), Is.EqualTo(!comesFirst));
    }

    /// <summary>Otherwise each restart would let more strangers in than there may be.</summary>
    [Test]
    public void A_stranger_that_sleeps_has_a_place_of_strangers_and_takes_nobodys()
    {
        using var fleet = new Fleet(isExpected: false, options => options with { MaxUnknownIds = 1 });
        _ = fleet.FallAsleep();
        fleet.Server.Crashes(Minute, Second, MemoryAfterCrash.Kept);
        fleet.Network.RunFor(2 * Minute);
        var other = fleet.Network.AddDevice("meter-2", fleet.Server);
        fleet.Network.RunFor(Minute);
        Assert.That(fleet.Server.Process.GetConnections().Select(row => row.Id), Is.EqualTo(["meter-2"]), "as with any stranger that is away");
        Assert.That(other.Link.Counters.Outages, Is.Zero);
    }

    [Test]
    public void A_number_says_since_when_and_for_how_long_or_nothing([Values(1L, 3_600, 31_622_400)] long seconds)
    {
        foreach (var since in (DateTimeOffset[])[DateTimeOffset.MinValue, DateTimeOffset.UnixEpoch, new(2026, 2, 28, 23, 59, 59, 999, TimeSpan.FromHours(2)), new(4300, 1, 1, 0, 0, 0, TimeSpan.Zero)])
        {
            var sleep = KeptSleep.From(since, TimeSpan.FromSeconds(seconds));
            Assert.That(KeptSleep.Of(sleep.Number), Is.EqualTo(sleep));
            Assert.That(since - sleep.Since, Is.LessThan(Second).And.GreaterThanOrEqualTo(TimeSpan.Zero));
            Assert.That(sleep.Number, Is.GreaterThanOrEqualTo(KeptSleep.Least).And.LessThanOrEqualTo((ulong)long.MaxValue));
        }

        Assert.That(KeptSleep.Of(KeptSleep.From(DateTimeOffset.MaxValue, Hour).Number)!.Value.Since.Year, Is.EqualTo(4356), "a clock that is wrong");
        Assert.That(new ulong[] { 0, 1, KeptSleep.Least - 1, KeptSleep.Least, ulong.MaxValue }.Select(KeptSleep.Of), Is.All.Null);
    }

    private sealed class Fleet : IDisposable
    {
        public Fleet(bool isExpected = true, Func<IotLinkServerOptions, IotLinkServerOptions>? configure = null)
        {
            Network = SimulatedNetwork.On(new TestScheduler());
            Server = Network.AddServer(
                configure: options => (configure ?? (o => o))(isExpected ? options with { Expected = [Id] } : options),
                app: (server, _) =>
                {
                    Changes.Clear();
                    server.Changes.Subscribe(change => Changes.Add(change.Kind));
                });
            Device = Network.AddDevice(Id, Server);
        }

        public SimulatedNetwork Network { get; }

        public SimulatedServer Server { get; }

        public SimulatedDevice Device { get; }

        public List<LinkChangeKind> Changes { get; } = [];

        public ILink Link => Server.Link(Id);

        public LinkState Now => Link.State.FirstAsync().GetAwaiter().GetResult();

        /// <summary>After a second, for an hour. Gives how the server sees it.</summary>
        public LinkState FallAsleep(CancellationToken wake = default)
        {
            Network.RunFor(Second);
            _ = ((IotLinkClient)Device.Link).SleepAsync(Hour, wake);
            Network.RunFor(Second);
            Assert.That(Now.Status, Is.EqualTo(LinkStatus.Asleep));
            return Now;
        }

        public void RunUntil(TimeSpan time) => Network.RunFor(time - Network.Now);

        public void Dispose() => Network.Dispose();
    }
}
