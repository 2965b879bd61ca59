using System.Buffers;
using System.Reactive;
using Rx.IotLink.Protocol;
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

    private readonly LinkCounts counts = new();
    private Session? justOpened;

    /// <summary>Serves a connection until it ends. Null: another one is being served, or the link is closed; the connection is not touched then.</summary>
    public Session? TryServe(IConnection connection)
    {
        Session serving;
        TimeSpan silence;
        lock (gate)
        {
            if (session is not null || state.IsFinal)
                return null;
            session = serving = new Session(this, connection, options);
            RemoteEndPoint = connection.RemoteEndPoint;
            serving.Heard(Now);
            serving.Said(Now);
            protocol.Connect(serving.Output, Now);
            // Twice as long until lines flow, since a server may have others to greet first; at a server they flow at once. Decided under the lock: after
            // it another thread could act on justOpened first, and its short watch be replaced by the long one.
            silence = justOpened == serving ? options.Timeout : 2 * options.Timeout;
            justOpened = null;
        }

        serving.WatchSilence(silence);
        serving.StartKeepalives(options.Timeout / 4, protocol.KeepaliveAlways);
        AfterLock();
        serving.StartReading();
        return serving;
    }

    /// <summary>Ends a connection, if it is still the one that serves.</summary>
    public void End(Session ending, Outage outage)
    {
        lock (gate)
        {
            if (session != ending)
                return;
            session = null;
            ending.LetGo();
            protocol.Disconnect(Now);
            if (outage.Reason == OutageReason.ProtocolError)
                counts.ProtocolErrors++;
            // A connection that never opened changes nothing: the link is connecting, or down for the reason it was.
            if (state.IsUp)
            {
                counts.Outages++;
                Become(LinkStatus.Down, outage);
            }
        }

        ending.Close(outage);
        AfterLock();
    }

    /// <summary>Gives received bytes to the protocol; the position up to which they were consumed, or null if the connection has ended.</summary>
    public SequencePosition? Receive(Session from, in ReadOnlySequence<byte> bytes)
    {
        SequencePosition? consumed = null;
        Outage? fault = null;
        lock (gate)
        {
            if (session != from)
                return null;
            var now = Now;
            from.Heard(now);
            try
            {
                consumed = protocol.Receive(bytes, now);
            }
            catch (ProtocolException exception)
            {
                fault = new Outage(OutageReason.ProtocolError, exception.Message);
            }
        }

        if (fault is not null)
            End(from, fault);
        AfterLock();
        return consumed;
    }

    public void Keepalive(Session on)
    {
        lock (gate)
        {
            if (session == on)
                protocol.Keepalive();
        }

        AfterLock();
    }

    /// <summary>The bytes to send next on a connection, or null: there are none, or (at first) another send is under way.</summary>
    public ReadOnlyMemory<byte>? TakeOutput(Session on, bool first)
    {
        Outage fault;
        lock (gate)
        {
            if (session != on || (first && on.Sending))
            {
                if (session != on || on.Output.Length <= MaxOutputBytes + options.MaxLineBytes)
                    return null;
                fault = new Outage(OutageReason.PeerNotReading, $"{on.Output.Length} bytes wait to be sent, the limit is {MaxOutputBytes + options.MaxLineBytes}");
            }
            else
            {
                on.Sending = on.Output.Length > 0;
                if (!on.Sending)
                    return null;
                on.Said(Now);
                return on.Output.Take();
            }
        }

        End(on, fault);
        return null;
    }

    /// <summary>The application has accepted the oldest line of the inbox.</summary>
    private void Accepted()
    {
        lock (gate)
        {
            counts.LinesReceived++;
            if (!state.IsFinal)
                protocol.Accept(Now);
        }

        AfterLock();
    }

    private void Elapsed()
    {
        lock (gate)
            protocol.Elapse(Now);
        AfterLock();
    }

    /// <summary>What the protocol tells, inside the link's lock: notes to be carried out after it.</summary>
    private sealed class Host(Link link) : IProtocolHost
    {
        public void Opened()
        {
            link.justOpened = link.session;
            link.Become(LinkStatus.Up, outage: null);
        }

        public void Heartbeat()
        {
            link.counts.Heartbeats++;
            link.heartbeats.Post(Unit.Default);
        }

        public bool TryDeliver(string line)
        {
            if (link.inbox.TryAdd(line))
                return true;
            link.counts.LinesWithheld++;
            return false;
        }

        public void DuplicateReceived() => link.counts.DuplicatesReceived++;

        public void Finished(OutLine line) => link.Done((PendingWrite)line, error: null);

        public void Repeated() => link.counts.LinesRepeated++;

        public void PeerRestarted(string evidence) =>
            link.notices.Post(new LinkNotice(LinkNoticeKind.PeerRestarted, $"the peer has restarted: {evidence}"));
    }
}
