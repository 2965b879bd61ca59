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

    [TestCase(true, true)]
    [TestCase(true, false)]
    [TestCase(false, true)]
    public void A_handler_at_the_other_end_is_in_the_trace_of_the_request_if_both_ends_ask_for_it(bool asks, bool takes)
    {
        var id = $"span-{Guid.NewGuid():N}";
        var spans = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = static source => source.Name is "Rx.IotLink" or "test",
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = activity =>
            {
                if ((string?)activity.GetTagItem("iotlink.device.id") == id && activity.OperationName != "iotlink.write")
                    spans.Enqueue(activity);
            },
        };
        ActivitySource.AddActivityListener(listener);
        using var source = new ActivitySource("test");
        using var network = SimulatedNetwork.On(new TestScheduler());
        var server = network.AddServer();
        var device = network.AddDevice(id, server);
        network.RunFor(1.s());
        var lines = server.Link(id).Lines.Record();
        Activity? inHandler = null;
        server.Link(id).Respond(
            body =>
            {
                inHandler = Activity.Current;
                return System.Reactive.Linq.Observable.Return(body);
            },
            new() { TraceContext = takes }).Subscribe();
        using var parent = source.StartActivity("parent")!;
        var answer = device.Link.Request("celsius", new() { TraceContext = asks }).Record();
        network.RunFor(1.s());
        Activity.Current = parent;

        Assert.That(answer.Values, Is.EqualTo(new[] { "celsius" }));
        Assert.That(lines.Values.Single().Contains("traceparent", StringComparison.Ordinal), Is.EqualTo(asks));
        var request = spans.SingleOrDefault(span => span.OperationName == "iotlink.request");
        var response = spans.SingleOrDefault(span => span.OperationName == "iotlink.respond");
        Assert.That((request?.ParentSpanId, response?.TraceId, response?.ParentSpanId), Is.EqualTo(
            (asks ? parent.SpanId : (ActivitySpanId?)null, asks && takes ? parent.TraceId : (ActivityTraceId?)null, asks && takes ? request!.SpanId : (ActivitySpanId?)null)));
        Assert.That(inHandler?.OperationName == "iotlink.respond", Is.EqualTo(asks && takes));
    }

    [TestCase("no trace")]
    [TestCase("00-00000000000000000000000000000000-0000000000000000-00")]
    [TestCase("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x")]
    public void A_trace_that_is_none_costs_the_request_nothing(string trace)
    {
        using var network = SimulatedNetwork.On(new TestScheduler());
        var server = network.AddServer();
        var device = network.AddDevice("pump-1", server);
        network.RunFor(1.s());
        server.Link("pump-1").Respond(System.Reactive.Linq.Observable.Return, new() { TraceContext = true }).Subscribe();
        var lines = device.Link.Lines.Record();
        _ = device.Link.WriteAsync($$"""{"req":1,"traceparent":"{{trace}}","body":"hello"}""");
        network.RunFor(1.s());
        Assert.That(lines.Values, Is.EqualTo(new[] { """{"res":1,"body":"hello"}""" }));
    }
}
