using System.Diagnostics;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Metrics;

/// <summary>A listener is foreign code: it may throw, and block for ever. No link suffers from it.</summary>
public sealed class ListenerFaultTests : ServerTest
{
    [Test]
    public async Task A_listener_that_blocks_at_an_outage_holds_up_no_link()
    {
        using var at = new MetricReader();
        using var released = new ManualResetEventSlim();
        var called = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        at.OnMeasured = metric =>
        {
            if (metric.Instrument.IsObservable)
                return;
            called.TrySetResult();
            released.Wait();
        };
        try
        {
            var server = await StartServerAsync(ServerOptions with { Telemetry = at.Options });
            using (var first = await JoinAsync(server))
            {
                await called.Task.Within("the opening is measured, and the listener blocks");
            }

            // The link goes down and up again, others come, lines flow, and the counts can be read.
            var again = StartClient(server);
            var other = StartClient(server, "2");
            await Task.WhenAll(again.WaitUntilUpAsync(), other.WaitUntilUpAsync()).Within();
            server.Find("1")!.Lines.Record();
            await again.WriteAsync("line").Within();

            Assert.That(at.Sum("iotlink.link.count", "iotlink.link.state=up"), Is.EqualTo(2));
            Assert.That(at.Sum("iotlink.link.outages"), Is.EqualTo(1));
            await server.StopAsync().Within("the server stops beside a listener that blocks");
        }
        finally
        {
            released.Set();
        }
    }

    [Test]
    public async Task A_listener_that_throws_at_each_measurement_is_called_again_and_harms_nothing()
    {
        using var at = new MetricReader { OnMeasured = static metric => throw new InvalidOperationException(metric.Instrument.Name) };
        var server = await StartServerAsync(ServerOptions with { Telemetry = at.Options });
        var client = StartClient(ClientOptions(server.EndPoint) with { Telemetry = at.Options });
        await client.WaitUntilUpAsync().Within();
        server.Find("1")!.Lines.Record();

        await client.WriteAsync("one").Within();
        await client.WriteUtf8Async("two"u8.ToArray()).AsTask().Within();
        await Written(client, "three").Record().Ended.Within();

        Assert.That(at.Of("iotlink.write.duration"), Has.Count.EqualTo(3));
        Assert.That(client.Counters.LinesAcknowledged, Is.EqualTo(3));
    }

    [Test]
    public async Task A_listener_of_spans_that_throws_harms_no_write()
    {
        var device = $"throwing-{Guid.NewGuid():N}";
        var asked = 0;
        using var listener = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == "Rx.IotLink",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStarted = activity => Throw(activity),
            ActivityStopped = activity => Throw(activity),
        };
        ActivitySource.AddActivityListener(listener);
        var server = await StartServerAsync();
        var client = StartClient(server, device);
        await client.WaitUntilUpAsync().Within();
        server.Find(device)!.Lines.Record();

        await client.WriteAsync("one").Within();
        await Written(client, "two").Record().Ended.Within();

        Assert.That(client.Counters.LinesAcknowledged, Is.EqualTo(2));
        Assert.That(asked, Is.Positive);
        Assert.That(Activity.Current, Is.Null);

        void Throw(Activity activity)
        {
            // Other tests write at the same time.
            _ = activity;
            Interlocked.Increment(ref asked);
            throw new InvalidOperationException("a bad listener");
        }
    }
}
