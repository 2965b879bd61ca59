using Rx.IotLink.Protocol;
using Rx.IotLink.Time;

namespace Rx.IotLink;

/// <summary>
/// A thread that has nothing else to do completes the writes of some lines, one after the other, and code of the
/// application goes on inside. What this code writes to the same connection gathers, and is sent at the end in one
/// piece.
/// </summary>
/// <remarks>
/// Code that blocks must hold up nobody else. If the loan lasts too long (<see cref="LoanWatch"/>), another thread
/// completes the rest, and what has gathered is sent.
/// </remarks>
internal sealed class Loan : ILoan
{
    [ThreadStatic]
    private static Loan? ofThisThread;

    private readonly ServedConnection? on;

    // The lines that are left, while code of the application runs. Who exchanges it has them.
    private OutLine? rest;

    // Whether output has gathered. Who exchanges it must send it.
    private int holds;
    private volatile bool isOver;
    private TimeSpan? time;

    private Loan(ServedConnection? on) => this.on = on;

    int ILoan.Looks { get; set; }

    /// <summary>Whether what this thread writes to a connection gathers now.</summary>
    public static bool Gathers(ServedConnection? on) => on is not null && ofThisThread is { isOver: false } loan && loan.on == on;

    /// <summary>
    /// The time of this thread's loan for a connection: the clock is read once, and not for each line that is written,
    /// since a loan ends after two milliseconds. Null: there is no such loan.
    /// </summary>
    public static TimeSpan? TimeOn(ServedConnection? on, Deadlines clock) => Gathers(on) ? ofThisThread!.time ??= clock.Now : null;

    /// <summary>Leaves a send to the end of the loan. False: this thread is not lent for this connection.</summary>
    public static bool TryHold(ServedConnection on)
    {
        if (!Gathers(on))
            return false;
        var loan = ofThisThread!;
        Interlocked.Exchange(ref loan.holds, 1);
        // It was over just before: then whoever ended it may not have seen this.
        return !loan.isOver || Interlocked.Exchange(ref loan.holds, 0) == 0;
    }

    /// <summary>Completes the writes on a thread of the pool.</summary>
    /// <param name="done">The lines, at least one.</param>
    /// <param name="on">The connection to which they will write more, perhaps.</param>
    public static void Queue(LineChain done, ServedConnection? on)
    {
        done.MoveFirstToEnd();
        PoolWork.Run(new Queued(done.First!, done.HasSeveral, on));
    }

    /// <summary>Completes the writes on this thread.</summary>
    /// <inheritdoc cref="Queue"/>
    public static void Run(LineChain done, ServedConnection? on)
    {
        done.MoveFirstToEnd();
        Run(done.First!, done.HasSeveral, on);
    }

    private static void Run(OutLine first, bool several, ServedConnection? on)
    {
        if (!several)
        {
            ((PendingWrite)first).FinishHere();
            return;
        }

        var before = ofThisThread;
        var loan = ofThisThread = new Loan(on);
        LoanWatch.Add(loan);
        try
        {
            loan.Tell(first);
        }
        finally
        {
            LoanWatch.Remove(loan);
            ofThisThread = before;
            if (loan.TakeHeld())
                _ = on!.SendAsync(bytes: null);
        }
    }

    void ILoan.TakeOver()
    {
        isOver = true;
        if (Interlocked.Exchange(ref rest, null) is { } left)
            PoolWork.Run(new Queued(left, several: true, on));
        if (TakeHeld())
            PoolWork.Run(on!);
    }

    private void Tell(OutLine first)
    {
        for (OutLine? line = first; line is not null; line = Interlocked.Exchange(ref rest, null))
        {
            // It may be reused as soon as it has completed.
            var next = line.DoneNext;
            line.DoneNext = null;
            Volatile.Write(ref rest, next);
            ((PendingWrite)line).FinishHere();
        }
    }

    private bool TakeHeld() => Interlocked.Exchange(ref holds, 0) != 0;

    private sealed class Queued(OutLine first, bool several, ServedConnection? on) : IThreadPoolWorkItem
    {
        public void Execute() => Run(first, several, on);
    }
}
