using System.Buffers;
using System.Globalization;

namespace Rx.IotLink.Protocol.Version2;

/// <summary>The opening: what both ends say of their memories, and whether a session goes on.</summary>
internal sealed partial class Version2Protocol
{
    private SessionOffer Offer()
    {
        receiver.Offered();
        return new(epoch, sender.Ring.First, receiver.PeerEpoch, receiver.Accepted, receiver.Arrived, settings.Window, settings.MaxLineBytes);
    }

    /// <summary>
    /// The peer has sent its opening. If it has an earlier memory, that memory becomes the current one. If it names an
    /// ended epoch of this end, its acceptances use the numbers of that epoch.
    /// </summary>
    private void Meet(SessionOffer theirs)
    {
        // It is no longer known what was acknowledged since this end first met it.
        if (receiver.Recall(theirs.Epoch))
            firstAtMeeting = 0;
        // A client has sent its epoch already, and cannot begin another.
        if (greeting is not null || theirs.Peer is not { } named || named == epoch || endedEpochs?.Through(named, theirs.Rx) is not { Count: > 0 } accepted)
            return;
        if (sender.Ring.All.Any(l => accepted.Contains(l.Ticket)))
        {
            // It has a new number by now, and cannot be left out.
            outbox.PutBack(Surrender());
            NewEpoch();
        }

        foreach (var line in outbox.All.Where(l => accepted.Contains(l.Ticket)).ToList())
        {
            outbox.Remove(line);
            if (settings.IsKept)
                sender.SendAfter(host.Save(new(SessionRecordKind.Remove, Position: (long)line.Ticket) { IsAccepted = true }));
            host.Finished(line);
        }
    }

    /// <summary>
    /// Whether the peer's claims are possible. Only a restored memory can have been rolled back. Otherwise this end
    /// knows that the claim is false, and a stranger must not end its epoch.
    /// </summary>
    private bool IsCredible(SessionOffer theirs) => isRestored || theirs.Peer != epoch || sender.MayHaveSent(theirs.Seen);

    private static string NeverSent(SessionOffer theirs) => $"it has lines up to {theirs.Seen} of an epoch that never sent them";

    /// <summary>The four rules of resuming. False: this end's memory was rolled back.</summary>
    private bool Resume(SessionOffer theirs, TimeSpan now)
    {
        if (theirs.Peer == epoch)
        {
            if (!sender.MayHaveSent(theirs.Seen) || !sender.Acknowledge(theirs.Rx, now))
            {
                epochEnds = true;
                host.Notify(LinkNoticeKind.MemoryRolledBack, $"the peer has lines up to {theirs.Seen} of this end, which remembers only {sender.Ring.Next - 1}: a new epoch begins, what is unacknowledged is sent again");
                return false;
            }

            if (theirs.Rx + 1 < sender.Ring.First)
                host.Notify(LinkNoticeKind.LinesLost, $"the peer has forgotten lines {theirs.Rx + 1} to {sender.Ring.First - 1}, which it had accepted");
        }
        else if (receiver.PeerEpoch is { } met && !(theirs.Peer is null && theirs.Epoch == met && sender.Ring.First == firstAtMeeting))
        {
            // But the same memory that remembers no peer, and has accepted nothing, has only missed the answer to its
            // first opening.
            host.Notify(LinkNoticeKind.SessionNotResumed, $"the peer remembers nothing of this end's session; {sender.Ring.Count} unacknowledged lines are sent again");
        }

        if (receiver.PeerEpoch != theirs.Epoch)
            firstAtMeeting = sender.Ring.First;
        if (receiver.PeerEpoch is { } before && before != theirs.Epoch)
            host.Notify(LinkNoticeKind.PeerRestarted, "the peer began a new memory: what it had written and was not accepted is gone");
        if (receiver.Open(theirs.Epoch, theirs.Tx) is { } lost)
            host.Notify(LinkNoticeKind.LinesLost, $"lines {lost.First} to {lost.Last} were lost at the peer");
        return true;
    }

    private void Begin(SessionOffer theirs, TimeSpan now)
    {
        peerMax = theirs.Max;
        sender.GiveUpStale(theirs.Peer == epoch ? theirs.Seen : 0);
        if (sender.Ring.All.FirstOrDefault(l => l.Bytes > peerMax && !l.IsGivenUp) is { } tooLong)
        {
            // It has a number and cannot be left out; but if it is sent, it ends every connection.
            epochEnds = true;
            EndConnection(new Outage(OutageReason.ConnectionLost, $"an unacknowledged line {Fault(tooLong.Bytes)}; a new epoch begins without it"));
            return;
        }

        foreach (var line in outbox.All.Where(l => l.Bytes > peerMax).ToList())
        {
            outbox.Remove(line);
            host.Impossible(line, Fault(line.Bytes)!);
        }

        sender.Open(theirs.Window, Timeout);
        host.Opened();
        Send(now);
    }

    /// <summary>A client reads the server's answer to its opening.</summary>
    private void TakeAnswer(ReadOnlySpan<byte> line, TimeSpan now)
    {
        if (line.IsEmpty && phase == Phase.Greeting)
        {
            // A server that answers an opening with a keepalive took it for an id: it is a micropython-iot server.
            FallBack();
            return;
        }

        if (openingAfter != NoRecord)
            throw new ProtocolException("the server spoke before the client had said its opening");
        var answer = Tokens.Parse(Text(line));
        switch (answer.Word)
        {
            case "prove" when phase == Phase.Greeting && settings.Key is not null:
                if (greeting!.Prove(answer) is { } proof)
                {
                    Move(Step.Prove);
                    SayLine(proof);
                    break;
                }

                EndConnection(new Outage(OutageReason.PeerNotProven, "the server did not prove that it knows this device's key: it has another one, or none, or is an impostor"));
                break;
            case "ok" when phase == Phase.Greeting && settings.Key is not null:
                EndConnection(new Outage(OutageReason.PeerNotProven, "the server let this device in without proving that it knows its key: it asks for no keys, or is an impostor"));
                break;
            case "ok":
                var theirs = SessionOffer.Read(answer);
                if (!IsCredible(theirs))
                    throw new ProtocolException($"the server is not to be believed: {NeverSent(theirs)}");
                Timeout = Borne(TimeSpan.FromMilliseconds(answer.RequiredNumber("timeout", 1, 86_400_000)));
                Move(Step.Ok);
                Meet(theirs);
                if (Resume(theirs, now))
                    Begin(theirs, now);
                else
                    EndConnection(new Outage(OutageReason.ConnectionLost, "this end's memory was rolled back; a new one begins"));
                break;
            case "no":
                var refusal = Refusal.Read(answer);
                if (settings.MayFallBack && refusal.Is(RefusalCode.Version))
                {
                    FallBack();
                    break;
                }

                EndConnection(new Outage(OutageReason.Refused, refusal.ToString()) { RetryAfter = refusal.Retry });
                break;
            default:
                throw new ProtocolException($"'{Printable.Of(answer.Word)}' is no answer to an opening in this state");
        }
    }

    /// <summary>
    /// Checks the server's timeout. With a longer one this client would not notice for long that the server has gone;
    /// with a shorter one it would do nothing but repeat its lines and send keepalives.
    /// </summary>
    private TimeSpan Borne(TimeSpan timeout)
    {
        var least = settings.Timeout < LinkOptions.MinTimeout ? settings.Timeout : LinkOptions.MinTimeout;
        if (timeout < least)
            throw new ProtocolException($"the server's timeout of {timeout.TotalSeconds:0.###} s is shorter than this client bears ({least.TotalSeconds:0.###} s)");
        return timeout > settings.MaxTimeout
            ? throw new ProtocolException($"the server's timeout of {timeout.TotalSeconds:0.###} s is longer than this client bears ({settings.MaxTimeout.Value.TotalSeconds:0.###} s)")
            : timeout;
    }

    private void FallBack()
    {
        if (!settings.MayFallBack)
            throw new ProtocolException("the server answered with a keepalive, as one of protocol 1 does (micropython-iot): it needs Protocol = 1, which has no keys");
        host.FallBack(version: 1);
        EndConnection(new Outage(OutageReason.ProtocolError, "the server speaks protocol 1; so does this client on its next connection"));
    }

    private void NewEpoch()
    {
        Span<byte> bytes = stackalloc byte[8];
        settings.Random(bytes);
        epoch = BitConverter.ToUInt64(bytes);
        (isRestored, epochEnded, firstAtMeeting) = (false, false, 0);
        begun = Save(new(SessionRecordKind.Begin, Epoch: epoch));
        sender.SendAfter(begun);
        receiver.KeepAgain();
    }

    /// <summary>
    /// A client sends its opening once its number is kept: no later connection may use the same number.
    /// </summary>
    private void SayOpening()
    {
        if (openingAfter == NoRecord || openingAfter > saved)
            return;
        openingAfter = NoRecord;
        SayLine(greeting!.Open(Offer()));
    }
}
