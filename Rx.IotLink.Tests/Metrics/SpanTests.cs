using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Testing;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Metrics;

/// <summary>A span for each write, until it is accepted, while somebody listens to spans.</summary>
public sealed class SpanTests
{
    [Test]
    public void A_write_is_a_span_until_it_is_accepted_below_the_span_of_its_writer()
    {
        var id = $"span-{Guid.NewGuid():N}";
        var spans = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = static source => source.Name is "Rx.IotLink" or "test",
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = activity =>
            {
                if ((string?)activity.GetTagItem("iotlink.device.id") == id)
                    spans.Enqueue(activity);
            },
        };
        ActivitySource.AddActivityListener(listener);
        using var source = new ActivitySource("test");
        using var network = SimulatedNetwork.On(new TestScheduler());
        var server = network.AddServer();
        var device = network.AddDevice(id, server);
        network.RunFor(1.s());
        server.Link(id).Lines.Record();

        using (var parent = source.StartActivity("parent")!)
        {
            _ = device.Link.WriteAsync("line");
            device.Link.Write("line").Record();
            Assert.That(Activity.Current, Is.SameAs(parent), "the writer's span stays the current one");
            Assert.That(spans, Is.Empty, "nothing is accepted yet");
            network.RunFor(1.s());

            Assert.That(spans, Has.Count.EqualTo(2));
            Assert.That(spans, Is.All.Matches<Activity>(span =>
                span is { OperationName: "iotlink.write", Kind: ActivityKind.Producer, Status: ActivityStatusCode.Unset } && span.ParentSpanId == parent.SpanId
                && (string?)span.GetTagItem("iotlink.delivery") == "exactly_once" && (int?)span.GetTagItem("messaging.message.body.size") == 4));
            Assert.That(Activity.Current, Is.SameAs(parent));
        }

        _ = ((IotLinkClient)device.Link).CloseAsync();
        _ = device.Link.WriteAsync("too late");
        network.RunFor(1.s());
        Assert.That(spans.Last(), Has.Property(nameof(Activity.Status)).EqualTo(ActivityStatusCode.Error));
        Assert.That(spans.Last().GetTagItem("error.type"), Is.EqualTo(typeof(LinkClosedException).FullName));
    }
}
