using System.Buffers;
using System.Reactive;
using Rx.IotLink.Engine;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Transport;

namespace Rx.IotLink;

/// <summary>The part of a link that serves a connection.</summary>
internal sealed partial class Link
{
    private static readonly Outage Displaced = new(OutageReason.Displaced, "another connection of this device took its place");

    /// <summary>
    /// Serves a connection until it ends. Null: the link serves another connection, or is closed; then it does not
    /// touch this connection.
    /// </summary>
    /// <param name="connection">The connection.</param>
    /// <param name="opening">Its opening, at a server.</param>
    /// <param name="replaces">
    /// Whether it replaces the current connection: its device has proved itself, and must not wait until its old
    /// connection ends. A device that is recognised by its memory replaces it in any case. Both happen in one step, so
    /// no other connection comes in between.
    /// </param>
    /// <param name="version">The version of the protocol that a client speaks on it; null: as before.</param>
    public ServedConnection? TryServe(IConnection connection, PeerOpening? opening = null, bool replaces = false, int? version = null)
    {
        ServedConnection serving;
        Work displaced = default;
        Work work;
        // This calls the application's connection, which may throw: so it comes before anything else.
        var remote = connection.RemoteEndPoint;
        lock (gate)
        {
            if (state.IsFinal || (served is not null && !replaces && !engine.IsSuccessor(opening)))
                return null;
            if (served is not null)
                Step(Input.Dismissed(Moment(), Farewell.Displaced, Displaced), out displaced);
            serving = new ServedConnection(this, connection) { KeyMark = opening?.KeyMark ?? 0 };
            (RemoteEndPoint, origin) = (remote, options.Scheduler.Now - Now);
            serving.Heard(Now);
            serving.Said(Now);
            served = serving;
            Step(Input.Connected(Moment(), serving.Output, opening, version, origin + Now), out work);
        }

        if (displaced.Ended is not null)
            _ = TryPerform(ref displaced);
        try
        {
            // Twice as long until lines flow: a server may greet other clients first.
            if (!work.Effects.Opened)
                WatchGreeting(serving);
            Perform(ref work);
        }
        catch (Exception exception)
        {
            End(serving, new Outage(OutageReason.ConnectionLost, $"it could not be served: {exception.GetType().Name}"));
            throw;
        }

        serving.StartReading();
        return serving;
    }

    /// <summary>
    /// The replaced connection may belong to the application and may throw. That must not keep the newcomer out: the
    /// old connection no longer serves, however it ends.
    /// </summary>
    private bool TryPerform(ref Work displaced)
    {
        try
        {
            Perform(ref displaced);
            return true;
        }
        catch (Exception)
        {
            return false;
        }
    }

    /// <summary>
    /// Ends the current connection, if there is one, to make room. The link stays.
    /// </summary>
    public void TurnAway()
    {
        if (Serving is { } serving)
            Dismiss(serving, "the server is full", new Outage(OutageReason.ClosedHere, "it made room for another connection: the server is full"));
    }

    /// <summary>Ends the current connection, as the application wants. False: there is none.</summary>
    public bool Disconnect()
    {
        if (Serving is not { } serving)
            return false;
        Dismiss(serving, "disconnected", new Outage(OutageReason.ClosedHere, "the server's application has disconnected it"));
        return true;
    }

    /// <summary>
    /// Ends the current connection, if there is one, since this device sleeps. Gives when it is closed.
    /// </summary>
    public Task FallAsleep(TimeSpan time)
    {
        if (Serving is not { } serving)
            return Task.CompletedTask;
        Dismiss(serving, Farewell.Asleep(time), new Outage(OutageReason.ClosedHere, "it sleeps") { SleepsFor = time });
        return serving.Gone;
    }

    /// <summary>This device is awake, and has not come up.</summary>
    public void Wake(Outage outage)
    {
        Work work;
        lock (gate)
            Step(Input.Woken(Moment(), outage), out work);
        Perform(ref work);
    }

    /// <summary>The store says that the device sleeps. Before it is served.</summary>
    /// <param name="sleep">Since when, and for how long.</param>
    /// <param name="hasCome">Whether it is awake by now: it is connecting.</param>
    public void SleepsOn(KeptSleep sleep, bool hasCome)
    {
        Work work;
        var outage = hasCome ? null : new Outage(OutageReason.PeerLeft, "it sleeps") { SleepsFor = sleep.For };
        lock (gate)
            Step(Input.Slept(Moment(), outage, sleep.Since), out work);
        Perform(ref work);
    }

    /// <summary>The current connection, or null.</summary>
    public ServedConnection? Serving
    {
        get
        {
            lock (gate)
                return served;
        }
    }

    /// <summary>Ends a connection, if it is still the current one, with a farewell to its peer.</summary>
    public void Dismiss(ServedConnection dismissed, string word, Outage outage)
    {
        Work work;
        lock (gate)
        {
            if (served != dismissed)
                return;
            Step(Input.Dismissed(Moment(), word, outage), out work);
        }

        Perform(ref work);
    }

    /// <summary>Ends a connection, if it is still the current one.</summary>
    public void End(ServedConnection ending, Outage outage)
    {
        Work work;
        lock (gate)
        {
            if (served != ending)
                return;
            Step(Input.Ended(Moment(), outage), out work);
        }

        Perform(ref work);
    }

    /// <summary>
    /// Gives received bytes to the engine; the position up to which they were consumed, or null if the connection has
    /// ended.
    /// </summary>
    public SequencePosition? Receive(ServedConnection from, in ReadOnlySequence<byte> bytes)
    {
        Work work;
        lock (gate)
        {
            if (served != from)
                return null;
            var now = Now;
            from.Heard(now);
            // A slow path gives a line in many pieces. Who counts bytes, or observes them, learns of each.
            if (budget is null && pulses is null && engine.IsWithinLine(bytes))
                return bytes.Start;
            pulses?.Heard.Post(Unit.Default);
            Step(Input.Bytes(Moment(now), bytes), out work);
        }

        work.Reader = from;
        var consumed = work.Effects.Consumed;
        Perform(ref work);
        return consumed;
    }

    public void Keepalive(ServedConnection on)
    {
        Work work;
        lock (gate)
        {
            if (served != on)
                return;
            Step(Input.KeepaliveDue(Moment()), out work);
        }

        Perform(ref work);
    }

    /// <summary>
    /// The next bytes to send on a connection, for the send in progress; null if there are none, and then that send
    /// ends.
    /// </summary>
    /// <param name="on">The connection.</param>
    /// <param name="closed">Whether it is closed: the send in progress then sends the last bytes.</param>
    public ReadOnlyMemory<byte>? TakeOutput(ServedConnection on, out bool closed)
    {
        Work work;
        lock (gate)
        {
            closed = served != on;
            if (closed)
                return null;
            Step(Input.OutputTaken(Moment()), out work);
            closed = served != on;
        }

        // Typed, since a plain null would be converted to no bytes.
        var next = work.Effects.Send == SendEffect.Now ? work.Effects.Bytes : (ReadOnlyMemory<byte>?)null;
        // The caller sends them.
        work.Effects.Send = SendEffect.None;
        Perform(ref work);
        return next;
    }

    /// <summary>Whether the peer needs each line in a send of its own.</summary>
    public bool OneSendPerLine => engine.OneSendPerLine;

    /// <summary>
    /// The drain of the inbox has handled lines: they are accepted, and one acknowledgement is sent for all. If the
    /// drain has no lines left, the result says whether it continues.
    /// </summary>
    bool IInboxOwner.Handled(bool nothingLeft, bool mayWait)
    {
        Work work;
        bool goesOn;
        lock (gate)
        {
            goesOn = !nothingLeft || inbox.TryGoOn();
            if (goesOn && mayWait)
                return true;
            if (!inbox.IsHandingOut)
                TellLater(waiters?.StandStills, error: null);
            Step(Input.Handled(Moment()), out work);
        }

        Perform(ref work);
        return goesOn;
    }

    private void WatchGreeting(ServedConnection greeting)
    {
        greeting.WatchSilence(2 * options.Timeout);
        greeting.StartKeepalives(options.Timeout / 4, always: false);
    }

    private void WatchLiveness(ServedConnection opened)
    {
        opened.WatchSilence(engine.Timeout);
        opened.StartKeepalives(engine.Timeout / 4, engine.KeepaliveAlways);
    }

    /// <summary>
    /// Observers get lines from now on: sets the alarm for a slow observer. This is only a comparison if the alarm is
    /// set for an earlier time.
    /// </summary>
    void IInboxOwner.Holding(TimeSpan since) => (alarm ?? MakeAlarm()).Set(since + options.SlowObserverAfter);

    private void TimeCame()
    {
        Work work;
        lock (gate)
            Step(Input.Time(Moment()), out work);
        Perform(ref work);
    }
}
