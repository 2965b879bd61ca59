namespace Model;

/// <summary>Connections and their openings.</summary>
internal sealed partial class Machine
{
    /// <summary>
    /// The client opens a connection to this server. Its former one is over for the client, whatever the server there
    /// believes.
    /// </summary>
    private void Connect(ref World world, int server, bool okArrives)
    {
        world.ClientAt = 0;
        Admit(ref world, server, Opening(world), okArrives);
    }

    /// <summary>The client's opening stays in the network, and the client gives it up.</summary>
    private void ConnectLate(ref World world, int server)
    {
        world.ClientAt = 0;
        world.Connections[server].Late = Opening(world);
    }

    private void AdmitLate(ref World world, int server)
    {
        var opening = world.Connections[server].Late;
        world.Connections[server].Late = default;
        Admit(ref world, server, opening, okArrives: false);
    }

    /// <summary>What the client says.</summary>
    private Offer Opening(in World world) => ToServers
        ? new(world.Senders[0].Epoch, Tx: world.Senders[0].First)
        : Offer(world.Receivers[0]);

    /// <summary>A server takes an opening. It displaces the connection that it had.</summary>
    private void Admit(ref World world, int server, in Offer opening, bool okArrives)
    {
        EndConnection(ref world, server, isServers: true);
        world.Connections[server].IsOpen = true;
        if (ToServers)
            AdmitSender(ref world, server, opening, okArrives);
        else
            AdmitReceiver(ref world, server, opening, okArrives);
    }

    private void AdmitSender(ref World world, int server, in Offer theirs, bool okArrives)
    {
        ref var receiver = ref world.Receivers[server];
        if (!receiver.IsOn || (rules.ChecksClaimAtOpening && !receiver.Owns))
            ClaimAsReceiver(ref world, server);
        Recall(ref receiver, theirs.Epoch);
        // What is said is what was remembered before this opening, and only to a client that knows that memory.
        var ok = receiver.Peer == theirs.Epoch ? Offer(receiver) : new(receiver.Epoch);
        Resume(ref world, ref receiver, theirs);
        if (!okArrives || !Resume(ref world, ref world.Senders[0], ok))
            return;
        world.ClientAt = (byte)(server + 1);
        Send(ref world, 0);
    }

    private void AdmitReceiver(ref World world, int server, in Offer theirs, bool okArrives)
    {
        ref var sender = ref world.Senders[server];
        if (!sender.IsOn || (rules.ChecksClaimAtOpening && !sender.Owns))
            ClaimAsSender(ref world, server);
        // It answers when its epoch is kept: otherwise an epoch that the client knows already could come back.
        if ((rules.SaysKeptEpoch && sender.Journal.Has(Record.Begin)) || !Resume(ref world, ref sender, theirs))
        {
            EndConnection(ref world, server, isServers: true);
            return;
        }

        if (okArrives)
        {
            ref var receiver = ref world.Receivers[0];
            Recall(ref receiver, sender.Epoch);
            Resume(ref world, ref receiver, new(sender.Epoch, Tx: sender.First));
            world.ClientAt = (byte)(server + 1);
        }

        Send(ref world, server);
    }

    /// <summary>A process dies, with all that it remembers.</summary>
    private void CrashServer(ref World world, int server)
    {
        world.CrashesLeft--;
        if (ToServers)
        {
            world.Receivers[server] = default;
        }
        else
        {
            LoseEpoch(ref world, world.Senders[server]);
            world.Senders[server] = default;
        }

        world.Connections[server].Late = default;
        EndConnection(ref world, server, isServers: true);
    }

    private void CrashClient(ref World world)
    {
        world.CrashesLeft--;
        EndConnection(ref world, 0, isServers: false);
        if (ToServers)
        {
            LoseEpoch(ref world, world.Senders[0]);
            world.Senders[0] = default;
        }
        else
        {
            world.Receivers[0] = default;
        }
    }

    private static void LoseEpoch(ref World world, in Sender sender) =>
        world.EpochLost |= sender.Journal.Has(Record.Begin);
}
