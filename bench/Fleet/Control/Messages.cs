namespace Rx.IotLink.Bench.Fleet.Control;

/// <summary>What the program asks of one of its processes: one line of JSON.</summary>
/// <param name="Do">The word for it.</param>
internal sealed record Request(string Do)
{
    /// <summary>How many: connections to open, lines to wait for.</summary>
    public int Count { get; init; }

    /// <summary>How many at the same time.</summary>
    public int Together { get; init; } = 64;

    /// <summary>Keepalives, or lines, a second, over all connections.</summary>
    public double PerSecond { get; init; }

    /// <summary>Whether garbage is collected first.</summary>
    public bool Collect { get; init; }
}

/// <summary>What a server process is, at one moment.</summary>
internal sealed record ServerSample
{
    /// <summary>Connections that are open.</summary>
    public int Connections { get; init; }

    /// <summary>Connections since the start.</summary>
    public long Accepted { get; init; }

    /// <summary>Connections that were refused since the start.</summary>
    public long Refused { get; init; }

    /// <summary>Bytes of live objects, if garbage was collected first.</summary>
    public long Heap { get; init; }

    /// <summary>Bytes of memory that the process holds (RSS).</summary>
    public long Resident { get; init; }

    /// <summary>Processor time since the start, in seconds.</summary>
    public double Cpu { get; init; }

    /// <summary>When it was taken, in ticks of the clock that all processes of a machine share.</summary>
    public long At { get; init; }

    /// <summary>Lines that the application was given.</summary>
    public long Lines { get; init; }

    /// <summary>Lines that were not the next of their link: lost, doubled or out of order.</summary>
    public long Wrong { get; init; }

    /// <summary>Outages that links have reported.</summary>
    public long Outages { get; init; }
}

/// <summary>A server process listens.</summary>
/// <param name="Port">Where devices connect.</param>
/// <param name="Page">The address of its page, or null.</param>
internal sealed record Listening(int Port, Uri? Page = null);

/// <summary>Something was done.</summary>
/// <param name="Begun">When it began, in ticks of the clock that all processes of a machine share.</param>
/// <param name="Ended">When it ended.</param>
/// <param name="Count">How many connections stand.</param>
internal sealed record Done(long Begun, long Ended, int Count)
{
    /// <summary>How long it took.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public TimeSpan Took => System.Diagnostics.Stopwatch.GetElapsedTime(Begun, Ended);
}

/// <summary>It could not be done.</summary>
internal sealed record Failure(string Error);
