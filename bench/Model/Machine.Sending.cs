namespace Model;

/// <summary>The end that sends: numbers, the window, rules 1 and 2 of resuming.</summary>
internal sealed partial class Machine
{
    /// <summary>The application writes its next line at this process.</summary>
    private void Write(ref World world, int at)
    {
        ref var sender = ref world.Senders[at];
        var line = ++world.Written;
        sender.Held = sender.Held.With(line);
        if (scope.GivenUp > 0)
            sender.Own = sender.Own.With(line);
        sender.Journal.Add(Record.Add, line);
        Send(ref world, at);
    }

    /// <summary>
    /// The time of a line is over, or a newer one replaces it. It has no number yet, or it was restored.
    /// </summary>
    private void GiveUp(ref World world, int at, byte line)
    {
        ref var sender = ref world.Senders[at];
        world.GiveUpsLeft--;
        if (IsNumbered(sender, line))
        {
            sender.Old = sender.Old.With(line);
            return;
        }

        Forget(ref world, ref sender, line);
        Send(ref world, at);
    }

    private void Forget(ref World world, ref Sender sender, byte line)
    {
        (sender.Held, sender.Old) = (sender.Held.Without(line), sender.Old.Without(line));
        world.GivenUp = world.GivenUp.With(line);
        sender.Journal.Add(Record.Remove, line);
        if (!rules.TellsGivenUpWhenKept && sender.Own.Has(line))
            world.ToldGivenUp = world.ToldGivenUp.With(line);
    }

    /// <summary>Whether the peer is sent that the number of this line has no line.</summary>
    private static bool IsGivenUpInPlace(in World world, in Sender sender, byte line) => sender.Old.Has(line) && world.GivenUp.Has(line);

    private static bool IsNumbered(in Sender sender, byte line) => sender.Held.Before(line).Count < sender.Numbered;

    /// <summary>
    /// The peer has said what it has: restored lines that it does not have are given up now, if their time is over.
    /// False: for that the epoch ends, where numbers are given to other lines.
    /// </summary>
    private bool GiveUpOld(ref World world, ref Sender sender, in Offer theirs)
    {
        var seen = theirs.Peer == sender.Epoch ? theirs.Seen : 0;
        var had = Math.Max(0, seen + 1 - sender.First);
        for (var place = had; place < sender.Numbered; place++)
        {
            if (!sender.Old.Has(sender.Held[place]))
                continue;
            if (rules.GivesNumbersOnce)
            {
                world.GivenUp = world.GivenUp.With(sender.Held[place]);
                continue;
            }

            // What another memory of the peer may have must not get the number of another line.
            var endsEpoch = theirs.Peer != sender.Epoch;
            if (endsEpoch)
            {
                world.EpochLost = true;
                Begin(ref world, ref sender);
            }

            sender.Numbered = (byte)(endsEpoch ? 0 : place);
            for (var old = sender.Old; !old.IsEmpty; old = old.Without(old.Last))
            {
                if (!IsNumbered(sender, old.Last))
                    Forget(ref world, ref sender, old.Last);
            }

            return !endsEpoch;
        }

        return true;
    }

    /// <summary>Sends what the window has room for, and what is kept.</summary>
    private void Send(ref World world, int at)
    {
        ref var sender = ref world.Senders[at];
        if (!IsOpen(world, at))
            return;
        while (sender.Sent < scope.Window && sender.Sent < sender.Held.Count)
        {
            // The window gives numbers; a line with a number is given up no more.
            sender.Numbered = Math.Max(sender.Numbered, (byte)(sender.Sent + 1));
            var (line, number) = (sender.Held[sender.Sent], (byte)(sender.First + sender.Sent));
            if (!MayBeSent(sender, line))
                return;
            sender.Sent++;
            var server = ServerOf(world, at, !ToServers);
            if (server >= 0 && !world.Connections[server].LosesLines)
                Arrive(ref world, ToServers ? server : 0, number, IsGivenUpInPlace(world, sender, line) ? NoLine : line);
        }
    }

    /// <summary>Whether all that decides the line's number is kept, and the line itself.</summary>
    private bool MayBeSent(in Sender sender, byte line)
    {
        for (var at = 0; at < sender.Journal.Count; at++)
        {
            var (kind, of) = sender.Journal[at];
            if (rules.SendsKept && (kind == Record.Begin || (kind == Record.Add && of <= line)))
                return false;
            if (rules.SendsAfterRemovals && kind == Record.Remove && of < line)
                return false;
        }

        return true;
    }

    /// <summary>Rules 1 and 2. False: this end's memory was rolled back (1a), and the connection ends.</summary>
    private bool Resume(ref World world, ref Sender sender, in Offer theirs)
    {
        if (theirs.Peer == sender.Epoch)
        {
            if (Math.Max(theirs.Rx, theirs.Seen) >= sender.First + sender.Numbered && rules.NewEpochAfterRollback)
            {
                // An end that has all of its epoch in memory knows that the claim is false.
                if (!sender.IsRestored)
                    Break(ref world, Promise.NoProtocolError);
                Notify(ref world, Notices.MemoryRolledBack);
                Begin(ref world, ref sender);
                return false;
            }

            if (theirs.Rx + 1 < sender.First)
                Notify(ref world, Notices.LinesLost);
            TakeAcceptance(ref world, ref sender, theirs.Rx);
        }
        else if (sender.Peer != 0 && !(theirs.Peer == 0 && theirs.Epoch == sender.Peer && sender.First == sender.FirstAtMeeting))
        {
            Notify(ref world, Notices.SessionNotResumed);
        }

        if (sender.Peer != theirs.Epoch)
        {
            if (sender.Peer != 0)
                Notify(ref world, Notices.PeerRestarted);
            (sender.Peer, sender.FirstAtMeeting) = (theirs.Epoch, sender.First);
            sender.Journal.Add(Record.Accept, theirs.Epoch);
        }

        if (!GiveUpOld(ref world, ref sender, theirs))
            return false;
        // All that is not acknowledged is sent again.
        sender.Sent = (byte)(rules.ResumesAfterAccepted || sender.Numbered == 0 ? 0 : 1);
        return true;
    }

    /// <summary>The peer has accepted all lines up to this number.</summary>
    private void TakeAcceptance(ref World world, ref Sender sender, byte number)
    {
        var last = sender.First + sender.Numbered - 1;
        if (number > last && rules.NewEpochAfterRollback)
        {
            Break(ref world, Promise.NoProtocolError);
            return;
        }

        if (number < sender.First)
            return;
        while (sender.First <= Math.Min(number, last))
        {
            var line = sender.Held[0];
            if (!IsGivenUpInPlace(world, sender, line))
                TellAccepted(ref world, line);
            (sender.Held, sender.Old) = (sender.Held.Without(line), sender.Old.Without(line));
            sender.First++;
            sender.Numbered--;
            sender.Sent = (byte)Math.Max(0, sender.Sent - 1);
        }

        sender.Journal.Add(Record.RemoveThrough, sender.First);
    }

    private static void TellAccepted(ref World world, byte line)
    {
        world.Accepted = world.Accepted.With(line);
        if (!world.Table.Lines.Has(line) && !world.GivenUp.Has(line) && !IsExcused(world, line))
            Break(ref world, Promise.AcceptedIsThere);
    }

    /// <summary>A new epoch: the lines that are held begin with 1 again.</summary>
    private static void Begin(ref World world, ref Sender sender)
    {
        sender.Epoch = NewEpoch(world);
        (sender.First, sender.FirstAtMeeting, sender.Numbered, sender.Sent, sender.IsRestored) = (1, 0, 0, 0, false);
        sender.Journal.Add(Record.Begin, sender.Epoch);
        if (sender.Peer != 0)
            sender.Journal.Add(Record.Accept, sender.Peer);
    }
}
