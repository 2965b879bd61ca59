using System.Diagnostics;
using Rx.IotLink.Protocol;

namespace Rx.IotLink.Telemetry;

/// <summary>One write while somebody listens: the time it takes, and its span.</summary>
internal sealed class WatchedWrite
{
    private readonly LinkTelemetry telemetry;
    private readonly Delivery delivery;
    private readonly TimeSpan began;
    private readonly Activity? activity;
    private int ended;

    public WatchedWrite(LinkTelemetry telemetry, string id, Delivery delivery, int bytes, TimeSpan now)
    {
        (this.telemetry, this.delivery, began) = (telemetry, delivery, now);
        activity = Spans.Start("iotlink.write", ActivityKind.Producer, id, parent: null);
        activity?.SetTag("iotlink.delivery", Words.Deliveries.ElementAtOrDefault((int)delivery));
        activity?.SetTag("messaging.message.body.size", bytes);
    }

    /// <summary>It has ended; only the first call counts.</summary>
    public void End(TimeSpan now, Exception? error)
    {
        if (Interlocked.Exchange(ref ended, 1) != 0)
            return;
        telemetry.Written(delivery, now - began, error);
        _ = Spans.Stop(activity, error);
    }
}

/// <summary>Spans. Their listeners are not ours: none of their exceptions reaches the link.</summary>
internal static class Spans
{
    /// <summary>
    /// Starts a span, and leaves the current one of this thread as it is. Null: nobody listens, or wants this one.
    /// </summary>
    public static Activity? Start(string name, ActivityKind kind, string id, ActivityContext? parent)
    {
        if (!TelemetryHub.Activities.HasListeners())
            return null;
        var before = Activity.Current;
        try
        {
            var activity = parent is { } context
                ? TelemetryHub.Activities.StartActivity(name, kind, context)
                : TelemetryHub.Activities.StartActivity(name, kind);
            activity?.SetTag("messaging.system", "iotlink");
            activity?.SetTag("iotlink.device.id", Printable.Of(id));
            return activity;
        }
        catch (Exception)
        {
            return null;
        }
        finally
        {
            Activity.Current = before;
        }
    }

    /// <summary>
    /// Ends a span, and leaves the current one of this thread as it is. False: a listener has thrown.
    /// </summary>
    public static bool Stop(Activity? activity, Exception? error)
    {
        if (activity is null)
            return true;
        var before = Activity.Current;
        try
        {
            if (error is not null)
                activity.SetStatus(ActivityStatusCode.Error).SetTag("error.type", error.GetType().FullName);
            activity.Stop();
            return true;
        }
        catch (Exception)
        {
            return false;
        }
        finally
        {
            Activity.Current = before;
        }
    }
}
