using System.Reactive.Linq;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Testing;

namespace Rx.IotLink.Tests.Testing;

/// <summary>Machines whose disks break, and what becomes of the memory that they keep there.</summary>
public sealed class DiskTests
{
    private readonly List<string> received = [];
    private readonly List<LinkNoticeKind> notices = [];
    private readonly List<LinkState> states = [];
    private SimulatedNetwork network = null!;
    private SimulatedServer server = null!;
    private SimulatedDevice pump = null!;

    [SetUp]
    public void Start()
    {
        received.Clear();
        notices.Clear();
        states.Clear();
        network = SimulatedNetwork.On(new TestScheduler());
        server = network.AddServer(app: (process, _) => process.Links.SelectMany(l => l.Lines).Subscribe(received.Add));
        pump = network.AddDevice("pump-1", server, app: (link, clock) =>
        {
            link.Notices.Subscribe(n => notices.Add(n.Kind));
            link.State.Subscribe(states.Add);
        });
        network.RunFor(1.s());
    }

    [TearDown]
    public void End() => network.Dispose();

    [TestCase(DiskFault.Fails)]
    [TestCase(DiskFault.Full)]
    public void What_a_device_cannot_keep_is_not_sent_until_it_can(DiskFault how)
    {
        pump.DiskBreaks(at: 2.s(), lasting: 10.s(), how);
        network.RunTo(3.s());
        pump.Link.Write("kept in the end").Subscribe();
        network.RunTo(11.s());
        Assert.That((received, pump.Flash.LinesOf("pump-1")), Is.EqualTo((Array.Empty<string>(), Array.Empty<string>())));
        Assert.That(states[^1].Outage!.Reason, Is.EqualTo(OutageReason.StoreFailed));

        network.RunTo(30.s());

        Assert.That(received, Is.EqualTo(["kept in the end"]));
        Assert.That(states[^1].IsUp);
        Assert.That(notices, Is.EqualTo([LinkNoticeKind.StoreFailed, LinkNoticeKind.StoreWorks]));
    }

    [Test]
    public void What_is_kept_though_the_disk_says_otherwise_is_sent_once()
    {
        pump.DiskBreaks(at: 2.s(), lasting: 10.s(), DiskFault.FailsLate);
        network.RunTo(3.s());
        pump.Link.Write("kept at once").Subscribe();
        network.RunTo(11.s());
        Assert.That((received, pump.Flash.LinesOf("pump-1")), Is.EqualTo((Array.Empty<string>(), new[] { "kept at once" })));

        network.RunTo(30.s());

        Assert.That((received, pump.Flash.LinesOf("pump-1")), Is.EqualTo((new[] { "kept at once" }, Array.Empty<string>())));
        Assert.That(notices, Is.EqualTo([LinkNoticeKind.StoreFailed, LinkNoticeKind.StoreWorks]));
    }

    [Test]
    public void What_a_server_cannot_keep_it_does_not_acknowledge()
    {
        server.DiskBreaks(at: 2.s(), lasting: 10.s());
        network.RunTo(3.s());
        var accepted = false;
        pump.Link.Write("had once").Subscribe(_ => accepted = true);
        network.RunTo(11.s());
        Assert.That((received, accepted), Is.EqualTo((new[] { "had once" }, false)));

        network.RunTo(30.s());

        Assert.That((received, accepted), Is.EqualTo((new[] { "had once" }, true)));
    }

    [Test]
    public void A_full_disk_still_keeps_what_makes_the_memory_no_longer()
    {
        server.DiskBreaks(at: 2.s(), lasting: 10.s(), DiskFault.Full);
        network.RunTo(3.s());
        var accepted = false;

        pump.Link.Write("accepted at once").Subscribe(_ => accepted = true);
        network.RunTo(4.s());

        Assert.That(accepted);
        Assert.That(notices, Is.Empty);
    }

    [TestCase(CrashKind.PowerLost, true)]
    [TestCase(CrashKind.Killed, false)]
    public void A_disk_that_lies_has_an_old_memory_after_the_power_was_lost(CrashKind how, bool isOld)
    {
        Write("before");
        network.RunTo(2.s());
        pump.DiskBreaks(at: 3.s(), lasting: 10.s(), DiskFault.LosesLastWrites);
        network.RunTo(4.s());
        Write("during");
        network.RunTo(5.s());
        Assert.That((received, pump.Flash.MemoryOf("pump-1")!.First), Is.EqualTo((new[] { "before", "during" }, 3UL)));
        pump.Crashes(at: 6.s(), lasting: 1.s(), MemoryAfterCrash.Kept, how);

        network.RunTo(20.s());

        Assert.That(notices.Contains(LinkNoticeKind.MemoryRolledBack), Is.EqualTo(isOld), "what the peer has seen is not remembered");
        Assert.That(received, Is.EqualTo(["before", "during"]));
    }

    [Test]
    public void A_disk_is_a_machines()
    {
        network.AddAccessPoint("mast", pump);

        Assert.That(() => network.Play([Fault.Disk("mast", at: 2.s(), lasting: 1.s())]), Throws.ArgumentException.With.Message.Contains("has a disk"));
    }

    private void Write(string line) => pump.Link.Write(line).Subscribe();
}
