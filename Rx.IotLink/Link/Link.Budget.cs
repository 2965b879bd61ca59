using System.Buffers;
using Rx.IotLink.Engine;
using Rx.IotLink.Transport;

namespace Rx.IotLink;

/// <summary>The link's share of the budget of all links.</summary>
internal sealed partial class Link
{
    /// <summary>Held bytes are counted in steps of this size, so a single line costs nothing.</summary>
    private const int BudgetStep = 1_024;

    private readonly ByteBudget? budget;

    // Guarded by the lock: bytes of a line that has begun and not ended, beyond the buffer of each connection.
    private long unfinishedBytes;

    // Written under the lock: the counted bytes, and the room that a line needs that found no room.
    private long counted;
    private int roomWanted;

    /// <summary>Whether it shares a budget.</summary>
    public bool HasBudget => budget is not null;

    /// <summary>How many more bytes of the shared budget it may hold.</summary>
    public long BudgetLeft => budget?.Left(Volatile.Read(ref counted)) ?? Engine.Moment.AnyRoom;

    /// <summary>Whether it has used up its share, so that it hardly reads its connection.</summary>
    public bool IsShort => BudgetLeft < Math.Max(1, Volatile.Read(ref roomWanted));

    /// <summary>Whether a line still waits for the peer's acknowledgement.</summary>
    public bool AwaitsAcknowledgement
    {
        get
        {
            lock (gate)
                return engine.AwaitsAcknowledgement;
        }
    }

    /// <summary>From now on it hardly reads its connection.</summary>
    public void Slowed() => budget!.Slowed(Id);

    private long Holds => inbox.Capacity + engine.HeldBytes + (served is { } serving ? serving.Output.Capacity + unfinishedBytes : 0);

    /// <summary>How many more bytes the link may hold. Under the lock.</summary>
    private long Room() => budget?.Left(Holds) ?? Engine.Moment.AnyRoom;

    /// <summary>A step has taken these bytes up to here. Under the lock.</summary>
    private void NoteUnfinished(in ReadOnlySequence<byte> bytes, SequencePosition? taken)
    {
        if (budget is not null)
            unfinishedBytes = taken is { } end ? Math.Max(0, bytes.Slice(end).Length - SocketReader.LeastBuffer) : 0;
    }

    /// <summary>
    /// Counts the held bytes after a step. Gives the connection that may be read again, if one waits for that. Under
    /// the lock.
    /// </summary>
    private ServedConnection? Settle(int wanted)
    {
        if (budget is null)
            return null;
        if (served is null)
            unfinishedBytes = 0;
        var holds = Holds;
        var change = holds - counted;
        if (change is >= BudgetStep or <= -BudgetStep || (holds == 0 && change < 0))
        {
            Volatile.Write(ref counted, holds);
            budget.Add(change);
        }

        // When no line waits to be read, any line finds room.
        Volatile.Write(ref roomWanted, inbox.Capacity == 0 ? 0 : Math.Max(wanted, roomWanted));
        if (IsShort)
            return null;
        Volatile.Write(ref roomWanted, 0);
        return served is { IsPaused: true } paused ? paused : null;
    }
}
