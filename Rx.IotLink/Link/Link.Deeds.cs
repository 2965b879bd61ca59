using System.Reactive;
using Rx.IotLink.Time;

namespace Rx.IotLink;

/// <summary>What is noted under the lock, and carried out after it.</summary>
internal sealed partial class Link
{
    /// <summary>
    /// Only on the real clock is a send left to a thread of the pool: the thread of a virtual clock is never left.
    /// </summary>
    private readonly bool mayLeaveSends;

    private List<(Waiter<Unit> Waiter, Exception? Error)>? toTell;

    /// <summary>Carries out what other members have noted under the lock.</summary>
    private void AfterLock()
    {
        Deeds deeds;
        lock (gate)
            deeds = Note();
        Carry(ref deeds);
    }

    /// <summary>Collects what is to be done, as the last thing under the lock. Each deed is given once, and must be carried out.</summary>
    /// <param name="sendLater">
    /// Whether more is likely to be written at once: then the send, which takes much longer than a line, is left to a thread of the pool, and takes with it what gathers
    /// until that has begun. A line that nothing is on its way with is sent on the writer's own thread.
    /// </param>
    private Deeds Note(bool sendLater = false)
    {
        var deeds = new Deeds { Opened = justOpened, Leave = leaving };
        (justOpened, leaving) = (null, null);
        if (deeds.Leave is null && session is not null && (protocol.WantsToSend || session.Output.Length > 0))
            NoteSend(ref deeds, session, sendLater && mayLeaveSends);
        // Lines of best effort are done when they are sent.
        (deeds.Done, firstDone, lastDone) = (firstDone, null, null);
        deeds.Deadline = Earlier(protocol.Deadline, HeldTooLongAt);
        deeds.Save = journal?.TryBegin() ?? false;
        (deeds.Told, toTell) = (toTell, null);
        deeds.Drain = inbox.TryBeginDrain();
        return deeds;
    }

    private void NoteSend(ref Deeds deeds, Session serving, bool later)
    {
        if (serving.Sending)
        {
            // Whoever sends takes this with it; unless the peer does not take what it sends.
            if (serving.Output.Length > MaxOutputBytes + options.MaxLineBytes)
                deeds.Leave = new Leaving(serving, new Outage(OutageReason.PeerNotReading, $"{serving.Output.Length} bytes wait to be sent, the limit is {MaxOutputBytes + options.MaxLineBytes}"), Final: false);
            return;
        }

        deeds.Sender = serving;
        if (later)
            serving.Sending = true;
        else if ((deeds.Bytes = NextOutput(serving)) is null)
            deeds.Sender = null;
        if (leaving is not null)
            (deeds.Leave, leaving) = (leaving, null);
    }

    /// <summary>Carries out what was noted.</summary>
    private void Carry(ref Deeds deeds)
    {
        if (deeds.Opened is not null)
            WatchLiveness(deeds.Opened);
        if (deeds.Deadline is { } due)
            (alarm ?? MakeAlarm()).Set(due);
        if (deeds.Sender is { } sender && deeds.Bytes is null)
            Later.Run(sender);
        else if (deeds.Sender is not null)
            _ = deeds.Sender.SendAsync(deeds.Bytes);
        if (deeds.Leave is not null)
            Carry(deeds.Leave);
        for (var write = deeds.Done; write is not null;)
        {
            // It may be used again as soon as it is told.
            var next = write.DoneNext;
            write.DoneNext = null;
            if (deeds.Reader is null || write is not TaskWrite { IsAlone: true } alone || !deeds.Reader.TryTellAfterSuspension(alone))
                write.Finish(write.Error);
            write = next;
        }

        if (deeds.Save)
            journal!.Start();
        if (deeds.Drain)
            inbox.StartDrain();
        states.Kick();
        pulses?.Kick();
        notices.Kick();
        if (deeds.Told is not { } told)
            return;
        foreach (var (waiter, error) in told)
        {
            if (error is null)
                waiter.TrySetResult(Unit.Default);
            else
                waiter.TrySetException(error);
        }
    }

    /// <summary>Takes note that all who wait for something are to be told: that it has come, or (with an error) that it never will. Under the lock.</summary>
    private void TellLater(Waiters<Unit>? waiters, Exception? error)
    {
        if (waiters is { IsEmpty: false })
            (toTell ??= []).AddRange(waiters.TakeAll().Select(waiter => (waiter, error)));
    }

    private Alarm MakeAlarm()
    {
        lock (gate)
            return alarm ??= new Alarm(deadlines, Elapsed);
    }

    /// <summary>What is to be done after the lock.</summary>
    private struct Deeds
    {
        public Session? Opened;
        public TimeSpan? Deadline;
        public Leaving? Leave;

        /// <summary>Who is to send, and what; if that is null, on a thread of the pool.</summary>
        public Session? Sender;
        public ReadOnlyMemory<byte>? Bytes;

        /// <summary>The first of the writes that are to be told, linked to the others.</summary>
        public PendingWrite? Done;
        public bool Drain;

        /// <summary>Whether there is something to be kept.</summary>
        public bool Save;

        /// <summary>Those who have waited, and what for.</summary>
        public List<(Waiter<Unit> Waiter, Exception? Error)>? Told;

        /// <summary>Whose reading loop carries this out, if it is one.</summary>
        public Session? Reader;
    }
}
