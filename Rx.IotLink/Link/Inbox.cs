using System.Reactive.Concurrency;
using System.Text;
using Rx.IotLink.Engine;
using Rx.IotLink.Time;

namespace Rx.IotLink;

/// <summary>
/// The lines that wait for the application. One drain at a time hands each line to all observers and to one waiting
/// reader, and only then counts it as handled. Without an observer or reader, lines wait. The drain reports handled
/// lines to the link, and takes new lines from it, many at a time.
/// </summary>
/// <remarks>
/// The lock is the link's. The code that adds lines holds it already, and the drain needs it once for many lines.
/// </remarks>
internal sealed partial class Inbox(LinkOptions options, IScheduler scheduler, Lock gate, IInboxOwner owner) : IWork
{
    /// <summary>
    /// Lines that are handled shortly after each other are reported together: at most this many, and within this time,
    /// or a few milliseconds, as the coarse clock moves (<see cref="CoarseClock"/>).
    /// </summary>
    private const int ReportedTogether = 256;

    private const long NotHeld = -1;

    private static readonly TimeSpan ReportedWithin = TimeSpan.FromMilliseconds(1);

    private readonly Lock gate = gate;
    private readonly IInboxOwner owner = owner;
    private readonly LinkOptions options = options;

    // Guarded by the lock: the lines that have arrived since the drain last took them.
    private LineBuffer arrived = new();
    private Waiters<string>? readers;
    private OwnNames names;
    private bool draining;
    private Exception? error;
    private Func<Exception> readersError = () => new InvalidOperationException();

    // For the drain only: the lines that it has taken and not handed out.
    private LineBuffer taken = new();
    private TimeSpan reportedAt;

    // Read without the lock; the counts are only written by the drain, and only ever grow.
    private volatile Subscription[] observers = [];
    private volatile bool ended;
    private volatile bool paused;
    private volatile bool readersWait;
    private long heldSince = NotHeld;
    private long handledExactlyOnce;
    private long handledBestEffort;
    private volatile LineTail? tail;

    /// <summary>Whether anybody observes lines.</summary>
    public bool IsObserved => observers.Length > 0 || kept is not null;

    /// <summary>Keeps the lines that are handed out from now on, for people to look at.</summary>
    public LineTail? Tail { get => tail; set => tail = value; }

    /// <summary>The buffer for new lines, while the lock is held. Under the lock.</summary>
    public LineBuffer Arrived => arrived;

    /// <summary>The bytes that it holds. The drain may be releasing its part at this moment. Under the lock.</summary>
    public int Capacity => arrived.Capacity + taken.Capacity + (open?.Bytes ?? 0) + (kept?.Bytes ?? 0);

    public IObservable<string> Lines => field ??= new TextLines(this);

    public IObservable<ReadOnlyMemory<byte>> Utf8Lines => field ??= new BytesOfLines(this);

    /// <summary>
    /// Ends it and drops the waiting lines: they were not accepted, so the peer still has them. Under the lock.
    /// </summary>
    public void End(Exception? withError, Func<Exception> forReaders)
    {
        (ended, error, readersError) = (true, withError, forReaders);
        arrived.Clear();
        open?.Clear();
        kept?.Lines.Clear();
    }

    /// <summary>
    /// Whether lines are being handed out, or are about to be; or are open, and somebody is there to accept them. Under
    /// the lock.
    /// </summary>
    public bool IsHandingOut => draining || (open is { Any: true } && observers.Any(o => o is ReceivedSubscription));

    /// <summary>Since when observers have been handling their current line, if there is one.</summary>
    public TimeSpan? HeldSince => Volatile.Read(ref heldSince) is var ticks and not NotHeld ? TimeSpan.FromTicks(ticks) : null;

    /// <summary>Since when the oldest open line has waited to be accepted, if there is one. Under the lock.</summary>
    public TimeSpan? OpenSince => open?.Since;

    /// <summary>
    /// Hands out no further line. Waiting lines are not accepted, so the peer keeps them. Under the lock.
    /// </summary>
    public void Pause() => paused = true;

    /// <summary>
    /// Whether a drain must be started now; it counts as started then, and has the lines that have arrived. Under the
    /// lock.
    /// </summary>
    public bool TryBeginDrain() => !draining && HasWork && TryGoOn();

    /// <summary>
    /// Starts a drain for which <see cref="TryBeginDrain"/> said yes. If only readers wait, no code of the application
    /// is called, and no other thread is needed: code after their tasks continues elsewhere.
    /// </summary>
    public void StartDrain()
    {
        if (observers.Length > 0 || kept is not null || ended || scheduler is not ObserverLane)
            scheduler.Run(this);
        else
            DrainToReaders();
    }

    /// <summary>Whether a thread that has received bytes may run a drain of its own accord.</summary>
    public bool CanBorrow => scheduler is ObserverLane && observers.Length > 0 && !ended;

    /// <summary>
    /// Runs the drain on this thread, which has nothing else to do; or, if too many such threads are lent already, as
    /// <see cref="StartDrain"/> does.
    /// </summary>
    public void StartDrainHere()
    {
        if (!CanBorrow || !((ObserverLane)scheduler).TryRunHere(this))
            StartDrain();
    }

    /// <summary>
    /// Whether the drain continues. It takes new lines if it has handed out all that it had. Under the lock.
    /// </summary>
    public bool TryGoOn()
    {
        if (taken.IsEmpty)
            (taken, arrived) = (arrived, taken);
        return draining = HasWork;
    }

    public Task<string> ReadAsync(CancellationToken cancellationToken)
    {
        lock (gate)
            readers ??= new(gate, options.Continuations);
        var reader = readers.Make(cancellationToken);
        lock (gate)
        {
            readers.Add(reader);
            readersWait = true;
        }

        Publish();
        return reader.Task;
    }

    private bool IsKeptFull => kept is { IsFull: true };

    private bool HasWork => (ended || (!paused && !IsKeptFull && (!arrived.IsEmpty || !taken.IsEmpty || newcomers))) && (observers.Length > 0 || (kept is not null && !ended) || readers is { IsEmpty: false });

    // Under the lock.
    public long HandledExactlyOnce => Volatile.Read(ref handledExactlyOnce) + (open?.ExactlyOnce ?? 0);

    public long HandledBestEffort => Volatile.Read(ref handledBestEffort) + (open?.BestEffort ?? 0);

    private Subscription Add(Subscription subscription)
    {
        lock (gate)
        {
            observers = [.. observers, subscription];
            newcomers |= subscription is ReceivedSubscription;
        }

        Publish();
        return subscription;
    }

    private void Publish()
    {
        bool start;
        lock (gate)
            start = TryBeginDrain();
        if (start)
            StartDrain();
    }

    void IWork.Run()
    {
        var together = 0;
        var coarse = new CoarseClock(isReal: scheduler is ObserverLane);
        var time = owner.Now;
        bool isDue, goesOn;
        do
        {
            if (!taken.IsEmpty || newcomers)
                Hold(time);
            if (newcomers && !ended && !paused)
                GiveOpenLines();
            while (!ended && !paused && !IsKeptFull && !taken.IsEmpty && TryHandOut(observers))
            {
                if (taken.IsEmpty)
                    break;
                if (coarse.HasMoved())
                {
                    time = owner.Now;
                    Volatile.Write(ref heldSince, time.Ticks);
                }

                if (++together < ReportedTogether && time - reportedAt < ReportedWithin)
                    continue;
                (together, reportedAt) = (0, time);
                owner.Handled(nothingLeft: false);
            }

            Volatile.Write(ref heldSince, NotHeld);
            if (ended)
                TellEnd();
            time = owner.Now;
            isDue = together >= ReportedTogether || time - reportedAt >= ReportedWithin;
            goesOn = owner.Handled(nothingLeft: true, mayWait: !isDue);
            if (isDue || !goesOn)
                (together, reportedAt) = (0, time);
        }
        while (goesOn);
    }

    /// <summary>
    /// Observers get lines now. This is recorded once for many lines; the time for each is checked only when it may
    /// have been too long.
    /// </summary>
    private void Hold(TimeSpan since)
    {
        // A full fence: a check at that moment finds this value, or will be repeated.
        Interlocked.Exchange(ref heldSince, since.Ticks);
        owner.Holding(since);
    }

    private void DrainToReaders()
    {
        do
        {
            while (!taken.IsEmpty && observers.Length == 0 && !ended && !paused && TryHandOut([]))
            {
            }

            if (observers.Length > 0 || ended)
            {
                scheduler.Run(this);
                return;
            }
        }
        while (owner.Handled(nothingLeft: true));
    }

    /// <summary>
    /// Hands out the oldest line, to these observers and a reader. False: there is no observer or reader, so the line
    /// stays.
    /// </summary>
    private bool TryHandOut(Subscription[] toObservers)
    {
        // An observer or reader that leaves at this moment does not get the line: another gets it, or it stays.
        var line = new Line(taken);
        var had = readersWait && GiveToReader(ref line);
        foreach (var observer in toObservers)
            had |= observer.TryOnNext(ref line);
        if (!had && kept is null)
            return false;
        tail?.Add(line.Utf8.Span, options.Scheduler.Now);
        if (kept is not null)
            Keep(ref line);
        // Counted last: when the count is read, the observers have returned.
        var delivery = taken.FirstDelivery;
        taken.RemoveFirst();
        if (open is not null && StaysOpen(line.Received, delivery))
            return true;
        ref var count = ref delivery == Delivery.BestEffort ? ref handledBestEffort : ref handledExactlyOnce;
        Volatile.Write(ref count, count + 1);
        return true;
    }

    private void TellEnd()
    {
        Subscription[] atEnd;
        IReadOnlyList<Waiter<string>> unread;
        lock (gate)
        {
            taken.Clear();
            (atEnd, observers) = (observers, []);
            unread = readers?.TakeAll() ?? [];
        }

        foreach (var observer in atEnd)
            observer.OnEnd(error);
        foreach (var reader in unread)
            reader.TrySetException(readersError());
    }

    private bool GiveToReader(ref Line line)
    {
        while (true)
        {
            Waiter<string>? reader;
            lock (gate)
            {
                reader = readers!.TakeFirst();
                readersWait = !readers.IsEmpty;
            }

            if (reader is null)
                return false;
            if (reader.TrySetResult(line.Text))
                return true;
        }
    }

    /// <summary>A line that is being handed out. Its string is made once, at the first use.</summary>
    private struct Line(LineBuffer buffer)
    {
        private readonly ReadOnlyMemory<byte> utf8 = buffer.First;
        private string? text;
        private LineId? named;

        public readonly ReadOnlyMemory<byte> Utf8 => utf8;

        public readonly Delivery Delivery => buffer.FirstDelivery;

        /// <summary>Its name. Its number is 0 where the wire gave it none, until it is given one here.</summary>
        public LineId Id
        {
            readonly get => named ?? buffer.FirstId;
            set => named = value;
        }

        /// <summary>What was made of it for those who accept it themselves. Null: nobody was given it so.</summary>
        public ReceivedLine? Received { get; set; }

        public string Text => text ??= Encoding.UTF8.GetString(Utf8.Span);
    }
}
