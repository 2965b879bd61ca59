namespace Model;

/// <summary>The end that receives: what has arrived, what is accepted, rules 3 and 4 of resuming.</summary>
internal sealed partial class Machine
{
    /// <summary>What arrives under a number whose line was given up.</summary>
    private const byte NoLine = 0;

    /// <summary>What this end says in its opening.</summary>
    private Offer Offer(in Receiver receiver)
    {
        var accepted = rules.AcknowledgesKept ? receiver.Kept : receiver.Accepted;
        return new(receiver.Epoch, Peer: receiver.Peer, Rx: accepted, Seen: rules.SaysSeen ? receiver.Arrived : accepted);
    }

    /// <summary>A peer of this epoch comes: an earlier memory of it becomes the current one.</summary>
    private static void Recall(ref Receiver receiver, byte epoch)
    {
        if (receiver.Peer == epoch || receiver.EarlierPeer != epoch)
            return;
        var (peer, accepted, arrived) = (receiver.EarlierPeer, receiver.EarlierAccepted, receiver.EarlierArrived);
        SetAside(ref receiver);
        (receiver.Peer, receiver.Kept, receiver.Accepted, receiver.Arrived, receiver.HasLines, receiver.IsSaving) = (peer, accepted, accepted, arrived, true, true);
    }

    /// <summary>Rules 3 and 4.</summary>
    private void Resume(ref World world, ref Receiver receiver, in Offer theirs)
    {
        if (receiver.Peer != theirs.Epoch)
        {
            if (receiver.Peer != 0)
                Notify(ref world, Notices.PeerRestarted);
            if (!rules.CountsEpochsApart && receiver.Peer != 0)
            {
                receiver.Peer = theirs.Epoch;
                return;
            }

            SetAside(ref receiver);
            GoOnFrom(ref receiver, theirs);
        }
        else if (theirs.Tx > receiver.Arrived + 1)
        {
            Notify(ref world, Notices.LinesLost);
            GoOnFrom(ref receiver, theirs);
        }
    }

    private static void SetAside(ref Receiver receiver)
    {
        if (!receiver.HasLines)
            return;
        (receiver.EarlierPeer, receiver.EarlierAccepted, receiver.EarlierArrived) = (receiver.Peer, receiver.Accepted, receiver.Arrived);
    }

    private static void GoOnFrom(ref Receiver receiver, in Offer theirs)
    {
        var before = (byte)(theirs.Tx - 1);
        (receiver.Peer, receiver.Kept, receiver.Accepted, receiver.Arrived, receiver.HasLines, receiver.IsSaving) = (theirs.Epoch, before, before, before, false, true);
    }

    /// <summary>A line arrives at this end.</summary>
    private void Arrive(ref World world, int at, byte number, byte line)
    {
        ref var receiver = ref world.Receivers[at];
        if (number > receiver.Arrived + 1)
        {
            // A gap. The connection loses nothing in the middle.
            Break(ref world, Promise.NoProtocolError);
            return;
        }

        if (number <= receiver.Arrived && rules.DropsRepetitions)
        {
            Acknowledge(ref world, at);
            return;
        }

        receiver.Arrived = number;
        receiver.HasLines = true;
        receiver.Inbox.Add(receiver.Peer, number, line);
        if (!rules.AcknowledgesAccepted)
            (receiver.Accepted, receiver.IsSaving) = (number, true);
    }

    /// <summary>The application handles the line that has waited longest, and accepts it.</summary>
    private void Handle(ref World world, int at)
    {
        ref var receiver = ref world.Receivers[at];
        var (epoch, number, line) = receiver.Inbox.Take();
        if (scope.Table == TablePlace.InStore && rules.Fences && !receiver.Owns)
        {
            Fenced(ref world, ref receiver, at);
            return;
        }

        if (line != NoLine)
            Insert(ref world, epoch, number, line);
        if (epoch == receiver.Peer && number > receiver.Accepted)
        {
            (receiver.Accepted, receiver.IsSaving) = (number, true);
            if (scope.Table == TablePlace.InStore)
                Keep(ref world, at);
        }
        else if (epoch == receiver.EarlierPeer)
        {
            receiver.EarlierAccepted = Math.Max(receiver.EarlierAccepted, number);
        }

        if (!rules.AcknowledgesKept)
            Acknowledge(ref world, at);
    }

    private void Insert(ref World world, byte epoch, byte number, byte line)
    {
        ref var table = ref world.Table;
        if (rules.TableKnowsNames && table.Has(epoch, number))
            return;
        if (world.ToldGivenUp.Has(line) && world.RolledBack == Ends.None)
            Break(ref world, Promise.GivenUpNeverComes);
        if (table.Lines.Has(line) && !IsExcused(world, line))
            Break(ref world, Promise.NoLineTwice);
        // A process that has lost its claim may hold a restored line that was given up since.
        if (line < table.Last && !IsExcused(world, line) && !world.GivenUp.Has(line))
            Break(ref world, Promise.InOrder);
        table.Lines = table.Lines.With(line);
        table.Names |= Table.Name(epoch, number);
        table.Last = line;
    }

    /// <summary>
    /// After a rollback a notice may stand for a line of before, which is lost or comes again. Silence may not.
    /// </summary>
    private static bool IsExcused(in World world, byte line) =>
        world.RolledBack != Ends.None && world.Notices != Notices.None && line <= world.WrittenBefore;

    /// <summary>Acknowledges what is accepted, and kept.</summary>
    private void Acknowledge(ref World world, int at)
    {
        var server = ServerOf(world, at, ToServers);
        if (server < 0 || world.Connections[server].LosesAcknowledgements)
            return;
        var number = rules.AcknowledgesKept ? world.Receivers[at].Kept : world.Receivers[at].Accepted;
        var sender = ToServers ? 0 : server;
        TakeAcceptance(ref world, ref world.Senders[sender], number);
        Send(ref world, sender);
    }
}
