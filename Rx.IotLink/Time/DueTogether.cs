namespace Rx.IotLink.Time;

/// <summary>
/// Deadlines that are due together: one thread does what was due, one after the other, since waking a thread for each
/// costs more than a keepalive. If that takes long, further threads help: the work of one link must not delay another.
/// </summary>
internal sealed class DueTogether(Deadline[] due) : IThreadPoolWorkItem
{
    // The index of the next.
    private int next;

    public void Execute()
    {
        var run = new Run(this);
        LoanWatch.Add(run);
        try
        {
            while (Interlocked.Increment(ref next) - 1 is var index && index < due.Length)
                due[index].Execute();
        }
        finally
        {
            LoanWatch.Remove(run);
        }
    }

    private bool IsDone => Volatile.Read(ref next) >= due.Length;

    /// <summary>One thread at this work.</summary>
    private sealed class Run(DueTogether work) : ILoan
    {
        int ILoan.Looks { get; set; }

        void ILoan.TakeOver()
        {
            if (!work.IsDone)
                PoolWork.Run(work);
        }
    }
}
