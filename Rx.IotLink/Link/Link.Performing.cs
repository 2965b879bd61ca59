using System.Reactive;
using System.Runtime.InteropServices;
using Rx.IotLink.Engine;
using Rx.IotLink.Protocol;
using Rx.IotLink.Time;

namespace Rx.IotLink;

/// <summary>
/// How a step works. Under the lock the engine decides (<see cref="Step"/>), and the values for observers, the inbox
/// and the journal go into their queues (<see cref="Collect"/>). After the lock the rest is performed
/// (<see cref="Perform"/>).
/// </summary>
internal sealed partial class Link
{
    /// <summary>
    /// Only on the real clock may a thread of the pool do a send. With a virtual clock all work stays on its thread.
    /// </summary>
    private readonly bool mayLeaveSends;

    // Guarded by the lock: waiters whose event has come.
    private List<(Waiter<Unit> Waiter, Exception? Error)>? toTell;

    /// <summary>How many inputs were processed: for each, the lock was taken once. For tests.</summary>
    internal int Steps { get; private set; }

    /// <summary>The facts of this moment. Under the lock.</summary>
    private Moment Moment() => Moment(Now);

    private Moment Moment(TimeSpan now) =>
        new(now, inbox.HandledExactlyOnce, inbox.HandledBestEffort, inbox.HeldSince, inbox.OpenSince, Room());

    /// <summary>
    /// Lets the engine process an input. Under the lock; the resulting work must be performed.
    /// </summary>
    private void Step(in Input input, out Work work)
    {
        work = default;
        Steps++;
        work.Effects = Effects.Rent(inbox.Arrived);
        work.On = served;
        engine.Step(input, work.Effects);
        if (input.Kind == InputKind.Bytes)
            NoteUnfinished(input.Received, work.Effects.Consumed);
        Collect(ref work, input.At.Now);
    }

    /// <summary>
    /// Puts values for observers, the inbox and the journal into their queues. No foreign code runs. Under the lock.
    /// </summary>
    private void Collect(ref Work work, TimeSpan now)
    {
        var effects = work.Effects;
        KeepReceived();
        foreach (ref readonly var record in CollectionsMarshal.AsSpan(effects.Records))
            journal!.Append(record);
        if (effects.Heartbeat)
            pulses?.Heartbeats.Post(Unit.Default);
        effects.States?.ForEach(Become);
        effects.Notices?.ForEach(AskedNotices.Post);
        if (effects.Send == SendEffect.Now)
            served!.Said(now);
        if (effects.Ended is not null)
        {
            work.Ended = served;
            served!.LetGo(effects.Ended);
            served = null;
        }

        if (effects.IsLast)
            CollectEnd(work.Ended);
        if (waiters is { Pings: { IsEmpty: false } pings } && (effects.RoundTrip is not null || effects.Ended is not null))
            work.Pings = pings.TakeAll();
        work.Resumed = Settle(effects.RoomWanted);
        if (engine.Unfinished == 0)
            TellLater(waiters?.Drains, state.IsFinal ? WhyEnded(state) : null);
        work.Saves = journal?.TryBegin() ?? false;
        work.Drains = inbox.TryBeginDrain();
        (work.Told, toTell) = (toTell, null);
    }

    private void CollectEnd(ServedConnection? ended)
    {
        // Code that finds the link closed waits for its connection as well.
        if (ended is not null)
            Goodbye = ended.Gone;
        inbox.End(state.Status == LinkStatus.Refused ? WhyEnded(state) : null, () => WhyEnded(state));
        states.End();
        pulses?.End();
        EndNotices();
        journal?.Close();
        budget?.Leave();
    }

    private void Become(StateChange change)
    {
        Measure(change);
        state = new LinkState(change.Status, change.Since ?? options.Scheduler.Now, change.Connections, change.Outage);
        if (state is { AsleepUntil: { } until, Outage: { } outage })
            state = state with { Outage = outage with { Detail = $"asleep until {until:u}" } };

        states.Post(state);
        UpOrEnded();
    }

    /// <summary>What a change of state means for the telemetry. Under the lock: nobody is called yet.</summary>
    private void Measure(in StateChange change)
    {
        if (change.Outage?.Reason == OutageReason.Overslept
            || (state.IsUp && (change.Status == LinkStatus.Refused || change is { Status: LinkStatus.Down, Outage.Reason: not OutageReason.PeerLeft })))
            telemetry?.Noticed(change.Outage!.Reason, served is { } last ? Now - last.HeardAt : change.Outage.Reason == OutageReason.Overslept ? null : TimeSpan.Zero);
        else if (change.Healed is { } took && state is { Status: not LinkStatus.Asleep, Outage: { Reason: not OutageReason.PeerLeft } outage })
            telemetry?.Healed(outage.Reason, took);
    }

    /// <summary>
    /// Performs the collected work. After the lock: here foreign code is called. Nothing of the effects may be used
    /// after it.
    /// </summary>
    private void Perform(ref Work work)
    {
        var effects = work.Effects;
        if (effects.Opened)
            WatchLiveness(work.On!);
        if (effects.WakeAt is { } due)
            (alarm ?? MakeAlarm()).Set(due);
        if (effects.Send == SendEffect.Now)
            _ = work.On!.SendAsync(effects.Bytes);
        else if (effects.Send == SendEffect.Later && !Loan.TryHold(work.On!))
            PoolWork.Run(work.On!);
        try
        {
            work.Ended?.Close(effects.Ended!.Outage);
        }
        finally
        {
            // The connection may belong to the application and may throw; that must not affect others.
            PerformRest(ref work);
        }
    }

    private void PerformRest(ref Work work)
    {
        var effects = work.Effects;
        if (effects.FirstDone is { } done)
            Tell(done, work.Reader);

        // "?? []" would make an empty list at each step.
        if (effects.Stored is not null)
            effects.Stored.ForEach(static line => ((PendingWrite)line).Finish(error: null));
        if (work.Saves)
            journal!.Start();
        if (effects.Load is { } load)
            journal!.Read(load.After, load.Count);
        if (work.Drains && work.Reader?.TryLendTo(inbox) != true)
            inbox.StartDrain();
        work.Resumed?.Resume();
        Publish();
        if (effects.States is not null)
            telemetry?.Events.Publish();
        if (work.Told is { } told)
            Tell(told);
        if (work.Pings is { } pinged)
            Tell(pinged, effects.RoundTrip);
        if (effects.IsLast)
            PerformEnd();
        work.Effects = null!;
        effects.Release();
    }

    private static void Tell(List<(Waiter<Unit> Waiter, Exception? Error)> told)
    {
        foreach (var (waiter, error) in told)
        {
            if (error is null)
                waiter.TrySetResult(Unit.Default);
            else
                waiter.TrySetException(error);
        }
    }

    private void PerformEnd()
    {
        alarm?.Dispose();
        if (journal is null)
            return;
        Kept = FinishJournalAsync(journal);
        Goodbye = Task.WhenAll(Goodbye, Kept);
    }

    /// <summary>Completes the writes of these lines.</summary>
    private void Tell(OutLine done, ServedConnection? reader)
    {
        var here = new LineChain();
        for (var line = done; line is not null;)
        {
            // It may be reused as soon as it has completed.
            var next = line.DoneNext;
            line.DoneNext = null;
            // The writer of a line from an earlier process no longer exists.
            if (line is PendingWrite write)
            {
                if (!write.Outcome!.IsGood)
                    write.Error = WhyNotDone(write);
                if (write.GoesOnHere)
                    here.Add(write);
                else
                    write.Finish(write.Error);
            }

            line = next;
        }

        if (!here.IsEmpty && reader?.TryTellLater(here) != true)
            Loan.Queue(here, served);
    }

    private Exception WhyNotDone(PendingWrite write) => write.Outcome switch
    {
        { Fault: { } fault } => new InvalidLineException(Id, $"a line {fault}"),
        { Expiry: var (limit, most, waited) } => new LineExpiredException(Id, limit, most, waited),
        var outcome when outcome == Outcome.Replaced => new LineReplacedException(Id, write.Key!),
        _ => WhyEnded(state),
    };

    /// <summary>Delivers the queued values to observers.</summary>
    private void Publish()
    {
        states.Publish();
        pulses?.Publish();
        notices?.Publish();
    }

    /// <summary>Completes the waiters whose event has come. After the lock.</summary>
    private void TellWaiters()
    {
        List<(Waiter<Unit> Waiter, Exception? Error)>? told;
        lock (gate)
            (told, toTell) = (toTell, null);
        if (told is not null)
            Tell(told);
    }

    /// <summary>
    /// Marks all these waiters for completion: their event has come, or (with an error) never will. Under the lock.
    /// </summary>
    private void TellLater(Waiters<Unit>? waiting, Exception? error)
    {
        if (waiting is null or { IsEmpty: true })
            return;
        toTell ??= [];
        foreach (var waiter in waiting.TakeAll())
            toTell.Add((waiter, error));
    }

    private Alarm MakeAlarm()
    {
        lock (gate)
            return alarm ??= new AlarmOf(this);
    }

    private sealed class AlarmOf(Link link) : Alarm(link.deadlines)
    {
        public override void Execute() => link.TimeCame();
    }

    /// <summary>The work after the lock. Each part is given once.</summary>
    private struct Work
    {
        /// <summary>The effects, until all is performed.</summary>
        public Effects Effects;

        /// <summary>The connection that served when the step began.</summary>
        public ServedConnection? On;

        /// <summary>The connection to end.</summary>
        public ServedConnection? Ended;

        /// <summary>Whether there are records to keep.</summary>
        public bool Saves;

        /// <summary>Whether to start a drain of the inbox.</summary>
        public bool Drains;

        /// <summary>The connection that may be read again.</summary>
        public ServedConnection? Resumed;

        /// <summary>The waiters to complete, with their errors.</summary>
        public List<(Waiter<Unit> Waiter, Exception? Error)>? Told;

        /// <summary>The pings that are answered, or, without a round trip, never will be.</summary>
        public IReadOnlyList<Waiter<TimeSpan>>? Pings;

        /// <summary>The connection whose reading loop performs this, if one does.</summary>
        public ServedConnection? Reader;
    }
}
