namespace Rx.IotLink.PostgreSql.Database;

/// <summary>A partition that this process has.</summary>
/// <param name="partition">The partition.</param>
/// <param name="token">The token under which its cursor moves.</param>
internal sealed class Lease(short partition, long token)
{
    private volatile bool isBusy;

    public short Partition => partition;

    public long Token => token;

    /// <summary>The last line that is handled. For the code that has it: the loop, or the work.</summary>
    public long Entry { get; set; }

    /// <summary>Whether its lines are being handled.</summary>
    public bool IsBusy
    {
        get => isBusy;
        set => isBusy = value;
    }

    /// <summary>Whether the database may know better where the cursor is.</summary>
    public bool IsStale { get; set; }

    /// <summary>When it was at work the last time.</summary>
    public TimeSpan Turn { get; set; }

    /// <summary>Until when nobody else takes it. Read by the work.</summary>
    public TimeSpan Until
    {
        get => new(Volatile.Read(ref until));
        set => Volatile.Write(ref until, value.Ticks);
    }

    /// <summary>The line whose handler has lost its connection the last time, and how often in a row.</summary>
    public (long Entry, int Count) Broken { get; set; }

    private long until;
}

/// <summary>Handles a line, as a part of a transaction if there is one.</summary>
internal delegate Task HandleLine(FleetLine line, Npgsql.NpgsqlTransaction? transaction, CancellationToken cancellationToken);

/// <summary>Another process has the partition.</summary>
internal sealed class LeaseLostException() : OperationCanceledException("Another process has the partition.");
