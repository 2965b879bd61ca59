using System.Reactive.Linq;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Testing;
using Rx.IotLink.Tests.Testing;

namespace Rx.IotLink.Tests.Stores;

/// <summary>
/// A line of an earlier process is given up. An application may have it already, under its name, in a table of its own:
/// from a server that died before it could keep that. So no other line may ever have that name.
/// </summary>
public sealed class GivenUpNumbersTests
{
    private const string Id = "pump-1";

    /// <summary>What the application has: a line for each name, and nothing of a name that it has already.</summary>
    private readonly Dictionary<LineId, string> table = [];

    private readonly List<string> order = [];
    private SimulatedNetwork network = null!;

    [SetUp]
    public void Start()
    {
        table.Clear();
        order.Clear();
        network = SimulatedNetwork.On(new TestScheduler());
    }

    [TearDown]
    public void End() => network.Dispose();

    [Test]
    public void A_new_line_has_not_the_name_of_one_that_was_given_up(
        [Values("stale", "stale,after", "before,stale", "before,stale,between,stale,after")] string lines, [Values] bool isReplaced)
    {
        var server = network.AddServer(app: (process, _) => process.Links.SelectMany(link => link.Received).Subscribe(Handle));
        var pump = network.AddDevice(Id, server);
        server.DiskBreaks(at: 1.s(), lasting: 2.s(), DiskFault.Slow);
        network.RunTo(1.s());
        var mayBeGivenUp = new WriteOptions { Until = WrittenUntil.Stored, Key = isReplaced ? "t" : null, TimeToLive = isReplaced ? null : 5.s() };
        var lasting = new WriteOptions { Until = WrittenUntil.Stored };
        foreach (var line in lines.Split(','))
            _ = pump.Link.WriteAsync(line, line == "stale" ? mayBeGivenUp : lasting);
        network.RunTo(1.1.s());
        Assert.That(order, Is.EqualTo(lines.Split(',')), "the application has them");
        Assert.That(server.Disk.MemoryOf(Id)?.Accepted, Is.Zero, "and the store does not know it");
        server.Crashes(at: 1.1.s(), lasting: 1.s(), MemoryAfterCrash.Kept);
        pump.Crashes(at: 1.1.s(), lasting: 10.s(), MemoryAfterCrash.Kept);
        pump.Path.Refuses(at: 1.1.s(), lasting: 12.s());
        network.RunTo(12.s());
        _ = pump.Link.WriteAsync("new", isReplaced ? mayBeGivenUp : lasting);
        network.RunTo(60.s());

        Assert.That(order, Is.EqualTo((string[])[.. lines.Split(','), "new"]));
        Assert.That((pump.Flash.LinesOf(Id), pump.Link.Counters.Outbox), Is.EqualTo((Array.Empty<string>(), 0)));
        Assert.That(pump.Link.Counters.LinesExpired + pump.Link.Counters.LinesReplaced, Is.EqualTo(lines.Split(',').Count(line => line == "stale")));
    }

    private void Handle(ReceivedLine line)
    {
        if (table.TryAdd(line.Line, line.Text))
            order.Add(line.Text);
        line.Accept();
    }
}
