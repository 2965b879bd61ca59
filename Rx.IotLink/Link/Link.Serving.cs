using System.Buffers;
using System.Reactive;
using System.Runtime.ExceptionServices;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Transport;

namespace Rx.IotLink;

/// <summary>What happens on a connection.</summary>
internal sealed partial class Link
{
    /// <summary>
    /// Bytes that may wait to be sent beyond one line of the greatest length: acknowledgements and keepalives, while the peer does not read.
    /// A peer that lets them grow beyond it is not reading at all.
    /// </summary>
    private const int MaxOutputBytes = 65_536;

    /// <summary>Lines are put into the output while it holds less than this; the rest wait until it has been sent.</summary>
    private const int OutputHighWater = 32_768;

    private static readonly Outage Displaced = new(OutageReason.Displaced, "another connection of this device took its place");

    private readonly LinkCounts counts = new();
    // When the bytes arrived that brought the last line, and the time of day at which the monotonic clock was zero, as the last connection found it.
    private TimeSpan? lineAt;
    private DateTimeOffset origin;
    private bool tookLines;
    private Session? justOpened;
    private Leaving? leaving;
    private int acceptedOfOldProtocol;

    /// <summary>
    /// Serves a connection until it ends. Null: another one is being served, or the link is closed; the connection is not
    /// touched then.
    /// </summary>
    /// <param name="connection">The connection.</param>
    /// <param name="opening">What it said, at a server.</param>
    /// <param name="replaces">
    /// Whether it takes the place of one that is being served: its device has proved itself, and must not wait for its own
    /// ghost. One that is known by its memory does so in any case. Both are one step: no other comes in between.
    /// </param>
    public Session? TryServe(IConnection connection, PeerOpening? opening = null, bool replaces = false)
    {
        Session serving;
        Session? ghost;
        bool opened;
        Exception? failure = null;
        // Somebody else's, who may throw: before anything has begun.
        var remote = connection.RemoteEndPoint;
        lock (gate)
        {
            if (state.IsFinal || (session is not null && !replaces && !IsSuccessor(opening)))
                return null;
            AcceptHandled();
            ghost = session;
            if (ghost is not null)
            {
                protocol.Bye(Farewell.Displaced);
                LetGo(ghost, Displaced);
            }

            wanted = opening?.Version ?? wanted;
            if (wanted != version)
                Speak();
            serving = new Session(this, connection, options, deadlines) { KeyMark = opening?.KeyMark ?? 0 };
            (RemoteEndPoint, origin) = (remote, options.Scheduler.Now - Now);
            serving.Heard(Now);
            serving.Said(Now);
            session = serving;
            try
            {
                protocol.Connect(serving.Output, Now, opening);
            }
            catch (Exception exception)
            {
                // Never a connection that serves and is not read: it would keep its device out for ever.
                (session, justOpened, leaving, failure) = (null, null, null, exception);
                protocol.Disconnect(Now);
            }

            // Taken note of here, so that no other thread carries it out first, to be overruled below.
            (opened, justOpened) = (justOpened == serving, null);
        }

        if (ghost is not null)
            _ = TryCloseGhost(ghost);
        if (failure is not null)
        {
            AfterLock();
            ExceptionDispatchInfo.Throw(failure);
        }

        try
        {
            // Twice as long, until lines flow: a server may have others to greet first.
            if (opened)
                WatchLiveness(serving);
            else
                WatchGreeting(serving);
            AfterLock();
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
    /// Whether this opening is of the client whose connection serves now, come back over a newer one. Under the lock.
    /// </summary>
    private bool IsSuccessor(PeerOpening? opening) =>
        opening is ClientOpening again && protocol is Version2Protocol two && two.IsSuccessor(again);

    /// <summary>
    /// Its connection is somebody else's, and may throw: that must not keep the newcomer out. It does not serve any more,
    /// whatever becomes of its end.
    /// </summary>
    private static bool TryCloseGhost(Session ghost)
    {
        try
        {
            ghost.Close(Displaced);
            return true;
        }
        catch (Exception)
        {
            return false;
        }
    }

    /// <summary>Ends the connection that serves, if there is one, since it has to make room. The link goes on.</summary>
    public void TurnAway()
    {
        if (Serving is { } session)
            Dismiss(session, "the server is full", new Outage(OutageReason.ClosedHere, "it made room for another connection: the server is full"));
    }

    /// <summary>The peer speaks another version than before (its software was changed, or it knows no other): a new protocol takes over what was not finished.</summary>
    private void Speak()
    {
        // All or nothing: what can fail comes first. Lines of a kept memory have no writer here, and must not be lost
        // for that.
        var left = protocol.Unfinished.Where(l => l is not PendingWrite { IsDone: true }).ToList();
        var next = create(wanted, outbox, new Host(this));
        (protocol, version, acceptedOfOldProtocol) = (next, wanted, inbox.Count);
        outbox.PutBack(left);
        if (state.Connections > 0)
            notices.Post(new LinkNotice(LinkNoticeKind.SessionNotResumed, $"the peer speaks protocol {version} now; what was not acknowledged is sent again"));
        foreach (var line in outbox.All.ToList())
        {
            if (protocol.Fault(line.Bytes) is not { } fault)
                continue;
            outbox.Remove(line);
            notices.Post(new LinkNotice(LinkNoticeKind.LineImpossible, $"a line {fault}"));
            Done(line, new InvalidLineException(Id, $"a line {fault}"));
        }
    }

    /// <summary>The connection that serves now, or null.</summary>
    public Session? Serving
    {
        get
        {
            lock (gate)
                return session;
        }
    }

    /// <summary>Ends a connection, if it is still the one that serves, with a word for its peer.</summary>
    public void Dismiss(Session dismissed, string word, Outage outage)
    {
        lock (gate)
        {
            if (session != dismissed)
                return;
            AcceptHandled();
            protocol.Bye(word);
        }

        End(dismissed, outage);
    }

    /// <summary>Ends a connection, if it is still the one that serves.</summary>
    public void End(Session ending, Outage outage)
    {
        lock (gate)
        {
            if (session != ending)
                return;
            AcceptHandled();
            LetGo(ending, outage);
        }

        ending.Close(outage);
        AfterLock();
    }

    /// <summary>The connection that serves does so no more. Under the lock; it is closed after it.</summary>
    private void LetGo(Session ending, Outage outage)
    {
        session = null;
        ending.LetGo();
        protocol.Disconnect(Now);
        if (outage.Reason == OutageReason.ProtocolError)
            counts.ProtocolErrors++;
        // A connection that never opened changes nothing: the link is connecting, or down for the reason it was.
        if (!state.IsUp)
            return;
        if (outage.Reason != OutageReason.PeerLeft)
            counts.Outages++;
        Become(LinkStatus.Down, outage);
    }

    /// <summary>Gives received bytes to the protocol; the position up to which they were consumed, or null if the connection has ended.</summary>
    public SequencePosition? Receive(Session from, in ReadOnlySequence<byte> bytes)
    {
        SequencePosition? consumed = null;
        Outage? fault = null;
        Deeds deeds;
        lock (gate)
        {
            if (session != from)
                return null;
            var now = Now;
            from.Heard(now);
            pulses?.Heard.Post(Unit.Default);
            tookLines = false;
            AcceptHandled();
            try
            {
                consumed = protocol.Receive(bytes, now);
            }
            catch (ProtocolException exception)
            {
                fault = new Outage(OutageReason.ProtocolError, exception.Message);
            }

            // Once for all lines of these bytes, with the time that was taken for them anyway.
            if (tookLines)
                lineAt = now;
            deeds = fault is null ? Note() : default;
        }

        deeds.Reader = from;
        if (fault is null)
            Carry(ref deeds);
        else
            End(from, fault);
        return consumed;
    }

    public void Keepalive(Session on)
    {
        Deeds deeds;
        lock (gate)
        {
            AcceptHandled();
            if (session == on)
                protocol.Keepalive();
            deeds = Note();
        }

        Carry(ref deeds);
    }

    /// <summary>The bytes to send next on a connection, for whoever has begun to send on it; null if there are none, and then nobody sends any more.</summary>
    /// <param name="on">The connection.</param>
    /// <param name="closed">Whether it is closed: who sends on it has the last word.</param>
    public ReadOnlyMemory<byte>? TakeOutput(Session on, out bool closed)
    {
        ReadOnlyMemory<byte>? next;
        Deeds deeds;
        lock (gate)
        {
            closed = session != on;
            if (!closed)
                protocol.Taken(Now);
            next = closed ? null : NextOutput(on);
            // Lines of best effort that had no room before are done with this: nobody else may come by to tell their writers.
            deeds = Note();
        }

        Carry(ref deeds);
        return next;
    }

    /// <summary>Whether the peer needs each line in a send of its own.</summary>
    public bool OneSendPerLine => protocol.OneSendPerLine;

    private ReadOnlyMemory<byte>? NextOutput(Session on)
    {
        var now = Now;
        AcceptHandled();
        // What was held back while the output was full, and what was gathered to be said at once.
        protocol.Send(now);
        on.Sending = on.Output.Length > 0;
        if (!on.Sending)
        {
            on.Output.Rest();
            return null;
        }

        on.Said(now);
        protocol.Handed();
        return on.Output.Take();
    }

    /// <summary>The drain of the inbox has handled lines: they are accepted, and acknowledged with one word. Gives whether it goes on, if it has nothing left.</summary>
    private bool Report(bool nothingLeft)
    {
        Deeds deeds;
        bool goesOn;
        lock (gate)
        {
            AcceptHandled();
            goesOn = !nothingLeft || inbox.TryGoOn();
            if (!goesOn)
                TellLater(standStills, error: null);
            deeds = Note();
        }

        Carry(ref deeds);
        return goesOn;
    }

    /// <summary>Takes note of what the application has accepted by now. Asked whenever something is about to be said, so that an observer that blocks does not hold back what was accepted before.</summary>
    private void AcceptHandled()
    {
        for (var handled = inbox.TakeHandled(); handled > 0; handled--)
        {
            counts.LinesReceived++;
            if (acceptedOfOldProtocol > 0)
                acceptedOfOldProtocol--;
            else if (!state.IsFinal)
                protocol.Accept(Now);
        }
    }

    private void WatchGreeting(Session greeting)
    {
        greeting.WatchSilence(2 * options.Timeout);
        greeting.StartKeepalives(options.Timeout / 4, always: false);
    }

    private void WatchLiveness(Session opened)
    {
        opened.WatchSilence(protocol.Timeout);
        opened.StartKeepalives(protocol.Timeout / 4, protocol.KeepaliveAlways);
    }

    private void Elapsed()
    {
        Deeds deeds;
        lock (gate)
        {
            protocol.Elapse(Now);
            TellOfHeldLine();
            deeds = Note();
        }

        Carry(ref deeds);
    }
}
