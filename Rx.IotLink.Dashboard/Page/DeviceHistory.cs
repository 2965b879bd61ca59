namespace Rx.IotLink.Dashboard;

/// <summary>What the page shows of a device's past: its states, rates, and last lines. All of it is bounded.</summary>
internal sealed class DeviceHistory : IObserver<LinkState>, IDisposable
{
    private const int MaxStates = 50;

    private readonly Lock gate = new();
    private readonly Queue<LinkState> states = new();
    private readonly Series received = new(FleetHistory.Samples);
    private readonly Series sent = new(FleetHistory.Samples);
    private readonly ILink link;
    private readonly Action<DeviceHistory> ended;
    private IDisposable? observing;
    private LinkState? latest;
    private long receivedBefore;
    private long sentBefore;

    /// <summary>The past of this link begins; it is observed from <see cref="Start"/> on.</summary>
    /// <param name="link">The device's link.</param>
    /// <param name="ended">Called when the link has ended.</param>
    public DeviceHistory(ILink link, Action<DeviceHistory> ended)
    {
        (this.link, this.ended) = (link, ended);
        Count(link.Counters, out receivedBefore, out sentBefore);
    }

    public string Id => link.Id;

    /// <summary>Its last lines; null: they are not kept.</summary>
    public LineTail? Tail => (link as Link)?.Tail;

    /// <summary>Begins to observe the states.</summary>
    public void Start() => observing = link.State.Subscribe(this);

    public void Dispose() => observing?.Dispose();

    public void OnNext(LinkState value)
    {
        lock (gate)
        {
            if (states.Count == MaxStates)
                states.Dequeue();
            states.Enqueue(latest = value);
        }
    }

    public void OnError(Exception error) => ended(this);

    public void OnCompleted() => ended(this);

    /// <summary>Takes a sample of the rates; returns the lines since the sample before.</summary>
    public (long Received, long Sent, bool IsUp) Sample(TimeSpan took)
    {
        Count(link.Counters, out var receivedNow, out var sentNow);
        lock (gate)
        {
            var (more, moreSent) = (receivedNow - receivedBefore, sentNow - sentBefore);
            (receivedBefore, sentBefore) = (receivedNow, sentNow);
            received.Add(more / took.TotalSeconds);
            sent.Add(moreSent / took.TotalSeconds);
            return (more, moreSent, latest is { IsUp: true });
        }
    }

    /// <summary>The newest rates, in lines a second.</summary>
    public (float Received, float Sent) Rates()
    {
        lock (gate)
            return (received.Last, sent.Last);
    }

    /// <summary>The newest rates of received lines, the oldest of them first.</summary>
    public float[] Spark(int most)
    {
        lock (gate)
            return received.Newest(most);
    }

    /// <summary>All of it.</summary>
    public (IReadOnlyList<LinkState> States, float[] Received, float[] Sent) All()
    {
        lock (gate)
            return ([.. states], received.Newest(), sent.Newest());
    }

    private static void Count(LinkCounters counters, out long received, out long sent) =>
        (received, sent) = (counters.LinesReceived, counters.LinesAcknowledged + counters.BestEffortSent);
}
