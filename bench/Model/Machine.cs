namespace Model;

/// <summary>
/// The rules of docs/protocol.md, docs/durability.md and of claims, as steps from one state to the next. It reads as
/// the protocol does: <see cref="Resume(ref World, ref Sender, in Offer)"/> has the rules 1 and 2,
/// <see cref="Resume(ref World, ref Receiver, in Offer)"/> the rules 3 and 4.
/// </summary>
internal sealed partial class Machine(Scope scope, Rules rules)
{
    public Scope Scope => scope;

    public World Start() => new()
    {
        CrashesLeft = (byte)scope.Crashes,
        RollbacksLeft = (byte)(scope.RollsBack == Ends.None ? 0 : 1),
        GiveUpsLeft = (byte)scope.GivenUp,
    };

    private bool ToServers => scope.Direction == Direction.ToServers;

    private int SenderCount => ToServers ? 1 : scope.Servers;

    private int ReceiverCount => ToServers ? scope.Servers : 1;

    private static bool IsClientAt(in World world, int server) => world.ClientAt == server + 1;

    /// <summary>Whether this sender believes that it has a connection.</summary>
    private bool IsOpen(in World world, int sender) => ToServers ? world.ClientAt > 0 : world.Connections[sender].IsOpen;

    /// <summary>The server's process at the other side of, or with, this process; -1: there is none.</summary>
    private static int ServerOf(in World world, int process, bool isServers) =>
        !isServers ? world.ClientAt - 1 : IsClientAt(world, process) ? process : -1;

    /// <summary>An epoch that is named nowhere: 64 random bits are always new.</summary>
    private static byte NewEpoch(in World world)
    {
        var used = 1u | Bit(world.SenderStore.Epoch) | Bit(world.SenderStore.Peer) | Bit(world.ReceiverStore.Epoch) | Bit(world.ReceiverStore.Peer)
            | Bit(world.SenderBackup.Epoch) | Bit(world.SenderBackup.Peer) | Bit(world.ReceiverBackup.Epoch) | Bit(world.ReceiverBackup.Peer);
        for (var at = 0; at < 2; at++)
        {
            var (sender, receiver, late) = (world.Senders[at], world.Receivers[at], world.Connections[at].Late);
            used |= Bit(sender.Epoch) | Bit(sender.Peer) | Bit(receiver.Epoch) | Bit(receiver.Peer) | Bit(receiver.EarlierPeer) | Bit(late.Epoch) | Bit(late.Peer);
            for (var inbox = receiver.Inbox; inbox.Count > 0;)
                used |= Bit(inbox.Take().Epoch);
            for (var place = 0; place < sender.Journal.Count; place++)
            {
                if (sender.Journal[place].Kind is Record.Begin or Record.Accept)
                    used |= Bit(sender.Journal[place].Of);
            }
        }

        for (byte epoch = 1; epoch < Table.Epochs; epoch++)
        {
            if ((used & Bit(epoch)) == 0 && !world.Table.Has(epoch) && !world.ReceiverStore.Table.Has(epoch) && !world.ReceiverBackup.Table.Has(epoch))
                return epoch;
        }

        throw new InvalidOperationException("The model has at most seven epochs at a time.");

        static uint Bit(byte epoch) => 1u << epoch;
    }

    private void Notify(ref World world, Notices notice)
    {
        world.Notices |= notice;
        // An opening that comes late says what was true before: a server may take that for a loss.
        var hasCause = world.RolledBack != Ends.None || scope.LateOpenings
            || (world.EpochLost && notice is Notices.SessionNotResumed or Notices.PeerRestarted);
        if (!hasCause)
            Break(ref world, Promise.NoFalseAlarm);
    }

    private static void Break(ref World world, Promise promise)
    {
        if (world.Broken == Promise.Kept)
            world.Broken = promise;
    }
}
