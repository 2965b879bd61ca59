using System.Diagnostics.Metrics;
using System.Reactive.Concurrency;
using Tag = System.Collections.Generic.KeyValuePair<string, object?>;

namespace Rx.IotLink.Telemetry;

/// <summary>
/// Measurements of rare events on their way to listeners. A listener may block and throw, so it is called on the
/// scheduler of observers, never on a thread that serves links. If it falls behind by more than 4,096 events, it misses
/// the oldest.
/// </summary>
internal sealed class MeasuredEvents : IObserver<MeasuredEvents.Measured>
{
    private const int MostWaiting = 4_096;

    private readonly Broadcast<Measured> events;

    public MeasuredEvents(IScheduler observers)
    {
        // This observer never throws.
        events = new(observers, Replay.Nothing, MostWaiting, nameof(Telemetry), faults: null);
        events.Subscribe(this);
    }

    /// <summary>Queues a measurement, if somebody listens. May be called under a lock.</summary>
    public void Post(Histogram<double> histogram, double value, params Tag[] tags)
    {
        if (histogram.Enabled)
            events.Post(new(histogram, value, tags));
    }

    /// <summary>Queues a count of things.</summary>
    public void Post(Histogram<long> histogram, long value, params Tag[] tags)
    {
        if (histogram.Enabled)
            events.Post(new(histogram, value, tags));
    }

    /// <summary>Has the queued measurements reported. Under no lock.</summary>
    public void Publish() => events.Publish();

    void IObserver<Measured>.OnNext(Measured value) => value.Record();

    void IObserver<Measured>.OnError(Exception error)
    {
        // It never ends.
    }

    void IObserver<Measured>.OnCompleted()
    {
        // It never ends.
    }

    internal readonly record struct Measured(Instrument Instrument, double Value, Tag[] Tags)
    {
        /// <summary>Calls the listeners. False: one has thrown, which is not the link's affair.</summary>
        public bool Record()
        {
            try
            {
                if (Instrument is Histogram<double> durations)
                    durations.Record(Value, Tags);
                else
                    ((Histogram<long>)Instrument).Record((long)Value, Tags);
                return true;
            }
            catch (Exception)
            {
                return false;
            }
        }
    }
}
