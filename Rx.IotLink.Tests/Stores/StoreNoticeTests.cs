using System.Reactive.Linq;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Protocol2.Driving;
using Rx.IotLink.Tests.Server.Tools;
using Rx.IotLink.Tests.Simulation;

namespace Rx.IotLink.Tests.Stores;

/// <summary>
/// A store that does not work says so: to the application of its end, to whoever connects, and to whoever watches the
/// server.
/// </summary>
public sealed class StoreNoticeTests : ServerTest
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Test]
    public void A_client_is_down_while_its_store_fails_and_reports_it_once()
    {
        var store = new BreakableStore();
        using var link = SimulatedLink.Start(client: o => o with { SessionStore = store });
        var (states, notices) = (new List<LinkState>(), new List<LinkNotice>());
        link.Server.Links.SelectMany(l => l.Lines).Subscribe(_ => { });
        link.Run(Second);
        link.Client.State.Skip(1).Subscribe(states.Add);
        link.Client.Notices.Subscribe(notices.Add);

        store.Before = _ => throw new IOException("the disk is full");
        link.Client.Write("kept in the end").Subscribe();
        link.Run(60 * Second);
        var attempts = link.Path.Attempts.Count;
        store.Before = _ => { };
        link.Run(11 * Second);

        Assert.Multiple(() =>
        {
            Assert.That(states.Select(s => (s.Status, s.Outage?.Reason)), Is.EqualTo(new[] { (LinkStatus.Down, (OutageReason?)OutageReason.StoreFailed), (LinkStatus.Up, null) }));
            Assert.That(states[0].Outage!.Detail, Does.Contain("IOException").And.Contain("the disk is full"));
            Assert.That(notices.Select(n => n.Kind), Is.EqualTo([LinkNoticeKind.StoreFailed, LinkNoticeKind.StoreWorks]));
            Assert.That(notices[0].Error, Is.InstanceOf<IOException>());
            Assert.That(attempts, Is.LessThanOrEqualTo(2), "no radio is switched on for nothing");
            Assert.That(store.Calls.Count, Is.LessThan(40), "it is tried less often each time");
            Assert.That(link.Client.Counters.Outbox, Is.Zero);
        });
    }

    [Test]
    public void A_client_that_was_never_up_says_why()
    {
        var store = new BreakableStore { Before = name => _ = name == BreakableStore.Claim ? "" : throw new IOException("read only") };
        using var link = SimulatedLink.Start(client: o => o with { SessionStore = store });
        LinkState? state = null;
        link.Client.State.Subscribe(s => state = s);

        link.Run(60 * Second);

        Assert.That((state!.Status, state.Outage?.Reason), Is.EqualTo((LinkStatus.Connecting, (OutageReason?)OutageReason.StoreFailed)));
        store.Before = _ => { };
        link.Run(11 * Second);
        Assert.That(state.IsUp);
    }

    [Test]
    public void A_device_whose_store_fails_at_the_server_is_asked_to_come_again()
    {
        var store = new BreakableStore();
        using var bench = new ServerBench(o => o with { SessionStore = store });
        bench.Server.Links.Subscribe(link => link.Lines.Subscribe(_ => { }));
        var peer = bench.Connect(ServerBench.Opening("00000000000000aa"));
        peer.Take();

        store.Fails(nameof(SessionRecordKind.Accept), times: 4);
        peer.Say("+0001a\n");
        bench.Run(TimeSpan.FromMilliseconds(1));
        Assert.That((peer.Take(), peer.IsEnded), Is.EqualTo((Array.Empty<string>(), true)), "nothing is acknowledged that is not kept");
        var refused = bench.Connect(ServerBench.Opening("00000000000000aa", connection: 2));
        Assert.That(refused.Take(), Is.EqualTo(["IOTLINK/2 no code=overloaded retry=1000\n"]));
        bench.Run(10 * Second);
        var back = bench.Connect(ServerBench.Opening("00000000000000aa", connection: 3));

        Assert.That(back.Take()[0], Does.StartWith("IOTLINK/2 ok ").And.Contain(" rx=1 "));
        Assert.That(bench.Server.Counters.Refused[Refusal.StoreFailed], Is.EqualTo(1));
    }

    [Test]
    public async Task One_that_does_not_answer_is_reported_and_the_link_stays_up()
    {
        using var released = new ManualResetEventSlim();
        var store = new BreakableStore();
        var server = await StartServerAsync(ServerOptions with { Timeout = Short });
        var client = StartClient(ClientOptions(server.EndPoint) with { Timeout = Short, SessionStore = store });
        var notices = client.Notices.Record();
        await client.WaitUntilUpAsync().Within();
        store.Before = name => _ = name == nameof(SessionRecordKind.Add) && released.Wait(Bound.Limit);

        var write = client.WriteAsync("kept in the end");
        var told = await notices.FirstAsync(n => n.Kind == LinkNoticeKind.StoreFailed);
        Assert.That(told.Detail, Does.Match("has not answered for 0.\\d s"));
        released.Set();

        await notices.FirstAsync(n => n.Kind == LinkNoticeKind.StoreWorks);
        using var reading = server.Find("1")!.Lines.Subscribe(_ => { });
        await write.Within();
        Assert.That(notices.Values.Count(n => n.Kind == LinkNoticeKind.StoreFailed), Is.EqualTo(1));
    }

    [Test]
    public async Task The_health_of_a_server_names_the_devices_whose_stores_do_not_work()
    {
        var store = new BreakableStore { BeforeClaim = id => _ = id == "bad" ? throw new IOException("no disk") : id };
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddIotLinkServer(configure: _ => ServerOptions with { Expected = ["bad"], SessionStore = store });
        builder.Services.AddHealthChecks().AddIotLink();
        using var host = builder.Build();
        await host.StartAsync().Within();
        var server = host.Services.GetRequiredService<IotLinkServer>();
        using var reading = server.Links.Subscribe(link => link.Lines.Subscribe(_ => { }));
        await (await ConnectAsync(server, "bad")).HearToEndAsync();
        var client = StartClient(server, "sick");
        await client.WaitUntilUpAsync().Within();
        store.Before = _ => throw new IOException("full");
        var write = client.WriteAsync("accepted in the end");
        await server.Changes.FirstAsync(c => c is { Id: "sick", Kind: LinkChangeKind.Down });

        var entry = (await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync().Within()).Entries["iotlink"];

        Assert.That((entry.Status, entry.Description), Is.EqualTo((HealthStatus.Degraded, "not up: bad; session store fails: sick, bad")));
        Assert.That(entry.Data["failingStores"], Is.EqualTo(2));
        store.Before = _ => { };
        await write.Within();
        await host.StopAsync().Within();
    }
}
