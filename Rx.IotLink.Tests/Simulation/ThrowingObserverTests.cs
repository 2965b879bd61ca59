using System.Reactive.Linq;
using NUnit.Framework;

namespace Rx.IotLink.Tests.Simulation;

/// <summary>An observer that throws harms itself alone, wherever it observes.</summary>
public sealed class ThrowingObserverTests
{
    [Test]
    public void An_observer_of_a_write_that_throws_is_reported_and_harms_nobody()
    {
        using var link = SimulatedLink.Start();
        var notices = new List<LinkNotice>();
        var accepted = 0;
        link.Client.Notices.Subscribe(notices.Add);
        link.Server.Links.SelectMany(l => l.Lines).Subscribe();

        link.Client.Write("1").Subscribe(_ => throw new InvalidOperationException("mine"));
        link.Client.Write("2").Subscribe(_ => accepted++);
        link.Run(TimeSpan.FromSeconds(5));

        Assert.That(accepted, Is.EqualTo(1));
        Assert.That(notices.Select(n => (n.Kind, n.Error?.Message)), Is.EqualTo([(LinkNoticeKind.ObserverFailed, "mine")]));
    }

    [Test]
    public void An_observer_of_lines_that_throws_is_let_go_and_the_others_go_on()
    {
        using var link = SimulatedLink.Start();
        var first = new List<string>();
        var others = new List<string>();
        link.Server.Links.Subscribe(server =>
        {
            server.Lines.Subscribe(line =>
            {
                first.Add(line);
                throw new InvalidOperationException("mine");
            });
            server.Lines.Subscribe(others.Add);
        });

        link.Client.Write("1").Concat(link.Client.Write("2")).Subscribe();
        link.Run(TimeSpan.FromSeconds(5));

        Assert.That(first, Is.EqualTo(["1"]));
        Assert.That(others, Is.EqualTo(["1", "2"]));
    }
}
