namespace Rx.IotLink.Time;

/// <summary>
/// Looks every millisecond at the loans, and ends those that last too long: longer than one to two milliseconds. It
/// sleeps while there are none.
/// </summary>
internal static class LoanWatch
{
    private const int MostLooks = 2;

    /// <summary>Looks without a loan, after which it sleeps.</summary>
    private const int IdleLooks = 8;

    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(1);
    private static readonly Lock Gate = new();

    // Not a SemaphoreSlim: it spins before it waits, and so takes a processor from those it watches, each millisecond.
    private static readonly AutoResetEvent Wakes = new(false);

    // Guarded by the lock. There are no more loans than threads of the pool.
    private static readonly List<ILoan> Open = [];
    private static bool isAwake;
    private static Thread? thread;

    /// <summary>Watches a loan from now on.</summary>
    public static void Add(ILoan loan)
    {
        bool starts;
        lock (Gate)
        {
            Open.Add(loan);
            if (isAwake)
                return;
            (isAwake, starts) = (true, thread is null);
            thread ??= new Thread(Watch) { IsBackground = true, Name = "Rx.IotLink loans" };
        }

        if (starts)
            thread.UnsafeStart();
        else
            Wakes.Set();
    }

    /// <summary>The loan has ended: it is not taken over after this.</summary>
    public static void Remove(ILoan loan)
    {
        lock (Gate)
            Open.Remove(loan);
    }

    private static void Watch()
    {
        while (true)
        {
            for (var idle = 0; idle < IdleLooks;)
            {
                Wakes.WaitOne(BetweenLooks);
                idle = Look() ? 0 : idle + 1;
            }

            lock (Gate)
            {
                isAwake = Open.Count > 0;
                if (isAwake)
                    continue;
            }

            Wakes.WaitOne();
        }
    }

    /// <summary>Whether there are loans.</summary>
    private static bool Look()
    {
        lock (Gate)
        {
            foreach (var loan in Open)
            {
                if (++loan.Looks == MostLooks)
                    loan.TakeOver();
            }

            return Open.Count > 0;
        }
    }
}

/// <summary>A thread that is lent to code of the application.</summary>
internal interface ILoan
{
    /// <summary>How often the watch has seen it. For the watch alone.</summary>
    int Looks { get; set; }

    /// <summary>It lasts too long: others do what is left. Under the lock of the watch.</summary>
    void TakeOver();
}
