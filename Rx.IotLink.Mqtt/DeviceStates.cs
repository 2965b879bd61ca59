namespace Rx.IotLink.Mqtt;

/// <summary>
/// The state of each device as a retained message: <c>up</c> or <c>down</c>. Of a device that changes quickly only the
/// last state is published.
/// </summary>
/// <param name="devices">The devices.</param>
/// <param name="topics">Where they are published.</param>
/// <param name="publish">Publishes a retained message; completes when the broker has it, or does not want it.</param>
/// <param name="discovery">What is published of a device besides, or null.</param>
internal sealed class DeviceStates(IKnownDevices devices, Topics topics, Func<string, string, Task> publish, Discovery? discovery)
{
    private const int MostAtATime = 16;

    /// <summary>States of devices that are unknown here, which the broker has of others.</summary>
    private const int MostFound = 100_000;

    private readonly Lock gate = new();
    private readonly Queue<string> changed = new();
    private readonly HashSet<string> isChanged = new(StringComparer.Ordinal);
    private readonly HashSet<string> isPublishing = new(StringComparer.Ordinal);
    private readonly Dictionary<string, bool> published = new(StringComparer.Ordinal);
    private readonly HashSet<string> found = new(StringComparer.Ordinal);
    private readonly HashSet<string> forgotten = new(StringComparer.Ordinal);
    private int running;
    private bool isOver = true;

    /// <summary>From now on they are published here.</summary>
    public void Begin()
    {
        lock (gate)
        {
            isOver = false;
            published.Clear();
            found.Clear();
            forgotten.Clear();
        }
    }

    /// <summary>The state of a device has changed.</summary>
    public void Changed(string id) => Add(id);

    /// <summary>Publishes the states of all devices: the broker has none.</summary>
    public void PublishAll()
    {
        lock (gate)
            published.Clear();
        foreach (var id in devices.Ids)
            Add(id);
    }

    /// <summary>The broker has this state: one of an earlier process may be wrong.</summary>
    public void Found(string id, bool isUp)
    {
        lock (gate)
        {
            if (isOver || !isUp || published.ContainsKey(id) || changed.Count >= MostFound)
                return;
            published[id] = true;
            found.Add(id);
        }

        Add(id);
    }

    /// <summary>The server has forgotten a device: the broker keeps nothing of it either.</summary>
    public void Forgotten(string id)
    {
        lock (gate)
        {
            if (isOver || !published.ContainsKey(id))
                return;
            forgotten.Add(id);
        }

        Add(id);
    }

    /// <summary>No further state is published.</summary>
    public void End()
    {
        lock (gate)
        {
            isOver = true;
            changed.Clear();
            isChanged.Clear();
        }
    }

    private void Add(string id)
    {
        lock (gate)
        {
            if (isOver || !isChanged.Add(id))
                return;
            changed.Enqueue(id);
            if (running == MostAtATime)
                return;
            running++;
        }

        _ = PublishChangedAsync();
    }

    private async Task PublishChangedAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        while (TryTake(out var id))
        {
            await PublishAsync(id).ConfigureAwait(false);
            lock (gate)
                isPublishing.Remove(id);
        }
    }

    /// <summary>Two states of one device are never published at the same time: they might change places.</summary>
    private bool TryTake(out string id)
    {
        lock (gate)
        {
            for (var left = changed.Count; left > 0; left--)
            {
                id = changed.Dequeue();
                if (isPublishing.Add(id))
                {
                    isChanged.Remove(id);
                    return true;
                }

                // Whoever publishes its last state takes this one, too.
                changed.Enqueue(id);
            }

            running--;
            id = "";
            return false;
        }
    }

    private async Task PublishAsync(string id)
    {
        // Looked at now: what comes later is another change.
        var status = devices.StatusOf(id);
        var isUp = status == LinkStatus.Up;
        bool isForgotten;
        lock (gate)
        {
            // One that only an earlier process knew is down: it may come back. And a link that is closed may still be
            // there for a moment.
            isForgotten = status is null ? !found.Contains(id) : forgotten.Contains(id) && status == LinkStatus.Closed;
            forgotten.Remove(id);
            found.Remove(id);
            if (published.TryGetValue(id, out var last) ? last == isUp && !isForgotten : isForgotten)
                return;
            if (isForgotten)
                published.Remove(id);
            else
                published[id] = isUp;
        }

        await publish(topics.State(id), isForgotten ? "" : isUp ? Uplink.StateUp : Uplink.StateDown).ConfigureAwait(false);
        if (!isForgotten || discovery is null)
            return;
        foreach (var topic in discovery.Forget(id))
            await publish(topic, "").ConfigureAwait(false);
    }
}
