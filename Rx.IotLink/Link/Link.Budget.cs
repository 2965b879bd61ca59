using System.Buffers;
using Rx.IotLink.Engine;
using Rx.IotLink.Transport;

namespace Rx.IotLink;

/// <summary>What the link holds of a budget that it shares with others.</summary>
internal sealed partial class Link
{
    /// <summary>What is held is counted in steps of so many bytes: a line now and then costs nothing.</summary>
    private const int BudgetStep = 1_024;

    private readonly ByteBudget? budget;

    // Guarded by the lock: bytes of a line that has begun and not ended, beyond the buffer that a connection has for
    // any.
    private long unfinishedBytes;

    // Written under the lock: what is counted, and the room that a line needs which found none.
    private long counted;
    private int roomWanted;

    /// <summary>Whether it shares a budget.</summary>
    public bool HasBudget => budget is not null;

    /// <summary>How many bytes more it may hold, of what it shares with others.</summary>
    public long BudgetLeft => budget?.Left(Volatile.Read(ref counted)) ?? Engine.Moment.AnyRoom;

    /// <summary>Whether it holds its part and cannot take more, so that its connection is hardly read.</summary>
    public bool IsShort => BudgetLeft < Math.Max(1, Volatile.Read(ref roomWanted));

    /// <summary>Whether its peer has still to acknowledge a line.</summary>
    public bool AwaitsAcknowledgement
    {
        get
        {
            lock (gate)
                return engine.AwaitsAcknowledgement;
        }
    }

    /// <summary>Its connection is hardly read from now on.</summary>
    public void Slowed() => budget!.Slowed(Id);

    private long Holds => inbox.Capacity + engine.HeldBytes + (served is { } serving ? serving.Output.Capacity + unfinishedBytes : 0);

    /// <summary>What the link may hold beyond what it holds now. Under the lock.</summary>
    private long Room() => budget?.Left(Holds) ?? Engine.Moment.AnyRoom;

    /// <summary>A step has taken these bytes up to here. Under the lock.</summary>
    private void NoteUnfinished(in ReadOnlySequence<byte> bytes, SequencePosition? taken)
    {
        if (budget is not null)
            unfinishedBytes = taken is { } end ? Math.Max(0, bytes.Slice(end).Length - SocketReader.LeastBuffer) : 0;
    }

    /// <summary>
    /// Counts what is held after a step. Gives the connection that may be read again, if one waits for that. Under the
    /// lock.
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

        // With nothing left to be read, any line finds room.
        Volatile.Write(ref roomWanted, inbox.Capacity == 0 ? 0 : Math.Max(wanted, roomWanted));
        if (IsShort)
            return null;
        Volatile.Write(ref roomWanted, 0);
        return served is { IsPaused: true } paused ? paused : null;
    }
}
