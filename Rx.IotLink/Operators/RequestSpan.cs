using System.Diagnostics;
using System.Reactive.Linq;
using Rx.IotLink.Telemetry;

namespace Rx.IotLink;

/// <summary>The span of a request, at one of its ends.</summary>
internal sealed class RequestSpan
{
    private readonly Activity? activity;

    private RequestSpan(Activity? activity, string? traceParent) => (this.activity, TraceParent) = (activity, traceParent);

    /// <summary>What the other end continues; null: there is no trace.</summary>
    public string? TraceParent { get; }

    /// <summary>The span of a request that is sent here, below the current one.</summary>
    public static RequestSpan OfRequest(string id)
    {
        var begun = Spans.Start("iotlink.request", ActivityKind.Client, id, parent: null);
        // Who listens to others only still wants the trace to go on.
        var traced = begun ?? Activity.Current;
        return new(begun, traced is { IdFormat: ActivityIdFormat.W3C } ? traced.Id : null);
    }

    /// <summary>The span of a handler. Null: the request has no trace, or nobody listens.</summary>
    public static RequestSpan? OfAnswer(string id, string? traceParent) =>
        ActivityContext.TryParse(traceParent, traceState: null, isRemote: true, out var parent)
        && Spans.Start("iotlink.respond", ActivityKind.Server, id, parent) is { } begun
            ? new(begun, traceParent: null)
            : null;

    /// <summary>The span lasts as long as a subscription to this.</summary>
    public IObservable<T> Around<T>(IObservable<T> source)
    {
        Exception? error = null;
        return source.Do(static _ => { }, failed => error = failed).Finally(() => Spans.Stop(activity, error));
    }

    /// <summary>Runs code of the application in the span, and leaves the current one of this thread as it is.</summary>
    public T Run<T>(Func<T> code)
    {
        var before = Activity.Current;
        Activity.Current = activity;
        try
        {
            return code();
        }
        finally
        {
            Activity.Current = before;
        }
    }
}
