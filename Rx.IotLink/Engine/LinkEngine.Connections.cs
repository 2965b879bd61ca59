using System.Diagnostics;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Telemetry;

namespace Rx.IotLink.Engine;

/// <summary>Connections, the change of the protocol's version, and the end.</summary>
internal sealed partial class LinkEngine
{
    private void Connect(OutputBuffer to, PeerOpening? opening, int? version, DateTimeOffset timeOfDay)
    {
        if (IsFinal || output is not null)
        {
            Collected.Rejection = IsFinal ? Rejection.LinkEnded : Rejection.Busy;
            return;
        }

        Wanted = version ?? Wanted;
        if (Wanted != Version)
            Speak(Wanted);
        // The protocol of a server may answer with lines at once; that of a client may find that the server does not
        // speak it.
        if (opening is not null)
            TakeOver();
        if (kept is not null && timeOfDay != default)
            outbox.Limits.Origin = timeOfDay - now;
        (output, sending) = (to, false);
        protocol.Connect(to, now, opening);
    }

    /// <summary>
    /// Changes to another version: the device has other software, or the server knows only that version. The message
    /// may also come from an impostor. So the old protocol keeps its memory, and its lines until the new one is open.
    /// </summary>
    private void Speak(int version)
    {
        // All or nothing: steps that can fail come first.
        var next = other ?? create(version, outbox, this, memory: null);
        (protocol, other, Version) = (next, protocol, version);
    }

    /// <summary>
    /// The current protocol takes over the lines: those that the other one had not finished are sent again.
    /// </summary>
    private void TakeOver()
    {
        if (holder == protocol)
            return;
        // Lines of an earlier process have no writer here, and still must not be lost.
        outbox.PutBack(holder.Surrender().Where(line => line.Outcome is null).ToList());
        holder = protocol;
        if (Connections > 0)
            Notify(LinkNoticeKind.SessionNotResumed, $"the peer speaks protocol {Version} now; what was not acknowledged is sent again");
        foreach (var line in outbox.All.ToList())
        {
            if (protocol.Fault(line.Bytes) is not { } fault)
                continue;
            outbox.Remove(line);
            Impossible(line, fault);
        }
    }

    private void RequestEnd(Outage outage) => ending = outage;

    private void EndAsWanted()
    {
        var outage = ending!;
        ending = null;
        if (output is not null)
            EndConnection(outage);
    }

    private void EndConnection(Outage outage)
    {
        Disconnect(outage);
        if (outage.Reason == OutageReason.ProtocolError)
            counts.ProtocolErrors++;
        // A connection that never opened changes nothing: the link is connecting, or down for the reason it was.
        if (!IsUp)
            return;
        if (outage is { SleepsFor: { } time })
        {
            FallAsleep(outage, time);
            return;
        }

        if (outage.Reason != OutageReason.PeerLeft)
            counts.Outages++;
        Become(LinkStatus.Down, outage);
    }

    /// <summary>
    /// A device knows itself when it wakes. The other end waits for it: a tenth longer, since clocks of devices are
    /// bad, and some attempts to connect.
    /// </summary>
    private void FallAsleep(Outage outage, TimeSpan time)
    {
        var isPeer = outage.Reason == OutageReason.PeerLeft;
        sleep = new(time, isPeer ? now + WaitFor(time) : null);
        DateTimeOffset? since = null;
        if (isPeer && kept is not null)
        {
            var keeps = KeptSleep.From(outbox.Limits.Origin + now, time);
            (since, kept.SaysAsleep) = (keeps.Since, true);
            Save(new(SessionRecordKind.Connect, Number: keeps.Number));
        }

        Become(LinkStatus.Asleep, outage, since);
    }

    private static TimeSpan WaitFor(TimeSpan sleep) => sleep + (sleep / 10) + Attempts;

    /// <summary>
    /// The store says that the device sleeps since some time. One that woke while there was no server tries again, so
    /// it gets the time for that. Null: it has come.
    /// </summary>
    private void SleepsOn(Outage? outage, DateTimeOffset since)
    {
        kept!.SaysAsleep = true;
        if (IsUp)
            SayAwake();
        if (outage is not { SleepsFor: { } time } || Status != LinkStatus.Connecting)
            return;
        var (over, least) = (since - outbox.Limits.Origin + WaitFor(time), now + Attempts);
        sleep = new(time, over > least ? over : least);
        Become(LinkStatus.Asleep, outage, since);
    }

    /// <summary>The store learns that the device is awake.</summary>
    private void SayAwake()
    {
        if (kept is not { SaysAsleep: true })
            return;
        kept.SaysAsleep = false;
        Save(new(SessionRecordKind.Connect, Number: 0));
    }

    /// <summary>It should be awake.</summary>
    private void Oversleep(Outage outage)
    {
        if (Status != LinkStatus.Asleep)
            return;
        counts.Outages++;
        Become(LinkStatus.Down, outage);
    }

    private void Disconnect(Outage outage)
    {
        Collected.Ended = new(outage, sending);
        (output, sending, pingedAt) = (null, false, Never);
        protocol.Disconnect(now);
    }

    /// <summary>Ends the link for good.</summary>
    private void End(LinkStatus status, Outage outage)
    {
        if (IsFinal)
            return;
        if (output is not null)
        {
            protocol.Bye("");
            Disconnect(outage);
        }

        if (IsUp && status == LinkStatus.Refused)
            counts.Outages++;
        Become(status, outage);
        Collected.IsLast = true;
        foreach (var line in holder.Unfinished.Concat(outbox.All).Concat(kept?.Awaited.Values ?? Enumerable.Empty<OutLine>()).ToList())
            Done(line, Outcome.GivenUp);
        // Lines that are only in the store stay there.
        Unfinished = 0;
        if (outbox.HasLimits)
            outbox.Limits.Keys.Clear();
        if (kept is null)
            return;
        kept.Count = 0;
        kept.Awaited.Clear();
        // Perhaps the store does not know it yet: a later process may deliver them.
        while (kept.GivenUpCount > 0 && kept.GivenUp.TryDequeue(out var line))
        {
            line.Outcome = Outcome.GivenUp;
            Tell(line);
        }
    }

    private void Become(LinkStatus status, Outage? outage, DateTimeOffset? since = null)
    {
        TimeSpan? healed = null;
        if (status == LinkStatus.Up)
            (upAt, Connections, healed) = (now, Connections + 1, Connections > 0 ? now - upUntil : null);
        else if (IsUp)
            (LastUp, upBefore, upUntil) = (now - upAt, upBefore + (now - upAt), now);
        Status = status;
        if (status != LinkStatus.Asleep)
            sleep = null;
        if (IsUp)
            SayAwake();
        (Collected.States ??= []).Add(new(status, outage, Connections, healed, since));
    }

    /// <summary>The sleep of a device.</summary>
    /// <param name="For">For how long.</param>
    /// <param name="OverAt">When it has overslept; null: it is this end that sleeps.</param>
    private sealed record Sleep(TimeSpan For, TimeSpan? OverAt);
}
