using System.Reactive.Linq;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Testing;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Testing;

/// <summary>Servers whose logs break: that costs entries of the log, and nothing else.</summary>
public sealed class LogTests
{
    private readonly List<string> received = [];
    private readonly List<LinkChangeKind> changes = [];
    private readonly List<bool> rows = [];
    private SimulatedNetwork network = null!;
    private SimulatedServer server = null!;
    private SimulatedDevice pump = null!;
    private TestLog log = null!;

    [SetUp]
    public void Start()
    {
        received.Clear();
        changes.Clear();
        rows.Clear();
        log = new();
        network = SimulatedNetwork.On(new TestScheduler());
        server = network.AddServer(configure: options => options with { LoggerFactory = log }, app: (process, _) =>
        {
            process.Links.Subscribe(link => link.Lines.Subscribe(received.Add));
            process.Changes.Subscribe(change => changes.Add(change.Kind));
            process.ObserveConnections().Subscribe(row => rows.Add(row.IsUp));
        });
        pump = network.AddDevice("pump-1", server);
    }

    [TearDown]
    public void End()
    {
        network.Dispose();
    }

    [Test]
    public void A_log_that_throws_while_devices_come_and_go_harms_nothing_else()
    {
        server.LogBreaks(at: 0.s(), lasting: 30.s());
        network.Play([Fault.Kill("pump-1", at: 10.s()), Fault.Kill("pump-1", at: 20.s()), Fault.Kill("pump-1", at: 40.s())]);
        network.RunTo(5.s());
        var accepted = 0;
        for (var n = 0; n < 3; n++)
            pump.Link.Write($"line {n}").Subscribe(_ => accepted++);

        network.RunTo(35.s());
        Assert.That((received.Count, accepted), Is.EqualTo((3, 3)));
        Assert.That(server.LogEntriesLost, Is.GreaterThanOrEqualTo(5), "up three times, down twice");
        Assert.That(server.Process.Counters.LogFailures, Is.EqualTo(server.LogEntriesLost));
        var lost = server.LogEntriesLost;

        network.RunTo(60.s());
        Assert.That(changes.Count(kind => kind == LinkChangeKind.Up), Is.EqualTo(4));
        Assert.That(rows.Count(isUp => isUp), Is.GreaterThanOrEqualTo(4));
        Assert.That(server.LogEntriesLost, Is.EqualTo(lost), "it works again");
    }

    [Test]
    public void Only_a_server_has_a_log() =>
        Assert.That(() => network.Play([Fault.Log("pump-1", at: 2.s(), lasting: 1.s())]), Throws.ArgumentException.With.Message.Contains("only a server has a log"));
}
