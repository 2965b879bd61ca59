namespace Rx.IotLink;

/// <summary>A bounded number of handlers that run at once. Whoever waits for a slot gets it in turn.</summary>
internal sealed class HandlerSlots(int most)
{
    private readonly Lock gate = new();
    private readonly Queue<LineProcessor> waiting = new();
    private int taken;

    /// <summary>Starts the next handler of a device: now, or when there is a slot.</summary>
    public void Start(LineProcessor next)
    {
        lock (gate)
        {
            if (taken == most)
            {
                waiting.Enqueue(next);
                return;
            }

            taken++;
        }

        if (!next.TryStart())
            Release();
    }

    /// <summary>A handler has ended, or does not count any more.</summary>
    public void Release()
    {
        while (true)
        {
            LineProcessor? next;
            lock (gate)
            {
                if (!waiting.TryDequeue(out next))
                {
                    taken--;
                    return;
                }
            }

            if (next.TryStart())
                return;
        }
    }
}
