namespace Rx.IotLink.Server;

/// <summary>Processes the lines of all links of a server; their handlers share a bound.</summary>
internal sealed class FleetProcessor : IDisposable
{
    private readonly Lock gate = new();
    private readonly Dictionary<ILink, LineProcessor> processors = [];
    private readonly HandlerSlots slots;
    private IDisposable? subscription;
    private bool over;

    private FleetProcessor(int mostHandlers) => slots = new(mostHandlers);

    public static FleetProcessor Start(
        IObservable<ILink> links, Func<ReceivedLine, CancellationToken, Task> handler, ProcessOptions options)
    {
        var fleet = new FleetProcessor(options.MaxConcurrent);
        fleet.subscription = links.Subscribe(link => fleet.Add(link, handler, options), static _ => { });
        return fleet;
    }

    public void Dispose()
    {
        LineProcessor[] all;
        lock (gate)
        {
            over = true;
            all = [.. processors.Values];
            processors.Clear();
        }

        subscription?.Dispose();
        foreach (var processor in all)
            processor.Dispose();
    }

    private void Add(ILink link, Func<ReceivedLine, CancellationToken, Task> handler, ProcessOptions options)
    {
        var hasEnded = false;
        var processor = LineProcessor.Start(link, handler, options, slots, () =>
        {
            lock (gate)
                hasEnded = !processors.Remove(link);
        });
        lock (gate)
        {
            // It may have ended before it was added.
            if (!over && !hasEnded)
            {
                processors.Add(link, processor);
                return;
            }
        }

        processor.Dispose();
    }
}
