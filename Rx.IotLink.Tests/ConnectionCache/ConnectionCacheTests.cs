using System.Collections.ObjectModel;
using System.Reactive.Linq;
using DynamicData;
using DynamicData.Binding;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Protocol.Linking;
using Rx.IotLink.Tests.Protocol2.Driving;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.ConnectionCache;

/// <summary>The fleet as an observable cache. Compiled only with -p:UseDynamicData=true.</summary>
public sealed class ConnectionCacheTests
{
    private const string Epoch = "00000000000000aa";
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private ServerBench bench = null!;

    [SetUp]
    public void Start()
    {
        bench = new ServerBench(o => o with { Timeout = TimeSpan.FromHours(1) });
        bench.Server.Links.Subscribe(link => link.Lines.Subscribe());
    }

    [TearDown]
    public void Stop() => bench.Dispose();

    [Test]
    public void Holds_who_is_there_and_then_who_comes_with_all_facts()
    {
        Join("1");
        using var fleet = bench.Server.Connections();
        Assert.That(fleet.Keys, Is.EqualTo(["1"]));
        var late = Join("2");
        bench.Run(Second);
        var came = bench.Scheduler.Now;
        late.Say("+0001line\n");
        late.Reset();
        bench.Run(Second);

        var device = fleet.Lookup("2").Value;

        Assert.That(fleet.Count, Is.EqualTo(2));
        Assert.That((device.IsUp, device.Since, device.LastLineAt, device.Protocol), Is.EqualTo((false, came, came, 2)));
        Assert.That(device.Counters.LinesReceived, Is.EqualTo(1));
        Assert.That(device.Link, Is.SameAs(bench.Server.Find("2")));
        Assert.That(device, Is.EqualTo(bench.Server.GetConnections()[1]));
    }

    [Test]
    public void A_filter_keeps_a_bound_list_of_those_who_are_down()
    {
        var peer = Join("1");
        Join("2");
        using var fleet = bench.Server.Connections();
        using var binding = fleet.Connect().Filter(device => !device.IsUp).Bind(out var down).Subscribe();
        Assert.That(down, Is.Empty);

        peer.Reset();
        bench.Run(Second);
        Assert.That(Ids(down), Is.EqualTo(["1"]));

        Join("1", connection: 2);
        Assert.That(down, Is.Empty);
    }

    [Test]
    public void Groups_follow_their_members()
    {
        Join("1");
        var peer = Join("2");
        using var fleet = bench.Server.Connections();
        var groups = new Dictionary<bool, int>();
        using var counting = fleet.Connect().Group(device => device.IsUp)
            .MergeMany(group => group.Cache.CountChanged.Do(count => groups[group.Key] = count)).Subscribe();
        Assert.That(groups, Is.EqualTo(new Dictionary<bool, int> { [true] = 2 }));

        peer.Reset();
        bench.Run(Second);

        Assert.That(groups, Is.EqualTo(new Dictionary<bool, int> { [true] = 1, [false] = 1 }));
    }

    [Test]
    public void A_sorted_list_is_refreshed_by_counts()
    {
        var peers = new[] { Join("1"), Join("2"), Join("3") };
        using var fleet = bench.Server.Connections(Second);
        using var binding = fleet.Connect()
            .SortAndBind(out var busiest, SortExpressionComparer<DeviceConnection>.Descending(device => device.Counters.LinesReceived).ThenByAscending(device => device.Id))
            .Subscribe();
        Assert.That(Ids(busiest), Is.EqualTo(["1", "2", "3"]));

        peers[2].Say("+0001a\n+0002b\n");
        peers[1].Say("+0001a\n");
        Assert.That(Ids(busiest), Is.EqualTo(["1", "2", "3"]), "not before it is refreshed");
        bench.Run(2 * Second);

        Assert.That(Ids(busiest), Is.EqualTo(["3", "2", "1"]));
    }

    [Test]
    public void Those_down_for_long_leave_a_view_and_come_back_when_they_do()
    {
        var peer = Join("1");
        Join("2");
        using var fleet = bench.Server.Connections();
        using var recent = fleet.Connect().ExpireAfter(device => device.IsUp ? null : TimeSpan.FromMinutes(10), bench.Scheduler).AsObservableCache();

        peer.Reset();
        bench.Run(TimeSpan.FromMinutes(9));
        Assert.That(recent.Keys, Is.EquivalentTo(["1", "2"]));
        bench.Run(TimeSpan.FromMinutes(2));
        Assert.That(recent.Keys, Is.EquivalentTo(["2"]));

        Join("1", connection: 2);
        bench.Run(TimeSpan.FromMinutes(20));
        Assert.That(recent.Keys, Is.EquivalentTo(["1", "2"]));
    }

    [Test]
    public void One_device_can_be_watched()
    {
        var peer = Join("1");
        using var fleet = bench.Server.Connections();
        var states = fleet.Watch("1").Select(change => change.Current.IsUp).Record();

        peer.Reset();
        bench.Run(Second);

        Assert.That(states.Values, Is.EqualTo([true, false]));
    }

    [Test]
    public void A_stopped_server_closes_all_and_completes()
    {
        Join("1");
        using var fleet = bench.Server.Connections(Second);
        var changes = fleet.Connect().Record();

        bench.Dispose();
        bench.Run(Second);

        Assert.That(changes.Ended.IsCompletedSuccessfully, Is.True);
        Assert.That(fleet.Lookup("1").Value.State.Status, Is.EqualTo(LinkStatus.Closed));
    }

    [Test]
    public void A_disposed_cache_observes_no_more()
    {
        var fleet = bench.Server.Connections(Second);
        fleet.Dispose();

        Join("1");
        bench.Run(3 * Second);

        Assert.That(fleet.Count, Is.Zero);
    }

    private static IEnumerable<string> Ids(ReadOnlyObservableCollection<DeviceConnection> devices) => devices.Select(device => device.Id);

    private ScriptedPeer Join(string id, int connection = 1) => bench.Connect(ServerBench.Opening(Epoch, connection, id));
}
