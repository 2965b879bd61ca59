namespace Model;

/// <summary>Stores, their journals and claims.</summary>
internal sealed partial class Machine
{
    /// <summary>A process of the sending end claims the memory, and reads it.</summary>
    private void ClaimAsSender(ref World world, int at)
    {
        foreach (ref var other in world.Senders)
            LoseEpoch(ref world, other);
        ForgetOwners(ref world, isSenders: true);
        var store = world.SenderStore;
        ref var sender = ref world.Senders[at];
        sender = new() { IsOn = true, Owns = true, Epoch = store.Epoch, First = store.First, Held = store.Waiting, Peer = store.Peer, FirstAtMeeting = 1 };
        if (store.Epoch == 0)
        {
            Begin(ref world, ref sender);
            return;
        }

        // An earlier process may have sent all of them.
        sender.IsRestored = true;
        sender.Numbered = (byte)sender.Held.Count;
    }

    /// <summary>
    /// A process of the receiving end claims the memory, and reads it. Its own epoch is kept at once.
    /// </summary>
    private void ClaimAsReceiver(ref World world, int at)
    {
        ForgetOwners(ref world, isSenders: false);
        ref var store = ref world.ReceiverStore;
        if (store.Epoch == 0)
            store.Epoch = NewEpoch(world);
        world.Receivers[at] = new()
        {
            IsOn = true, Owns = true, Epoch = store.Epoch, Peer = store.Peer,
            Kept = store.Accepted, Accepted = store.Accepted, Arrived = store.Accepted, HasLines = store.Accepted > 0,
        };
    }

    /// <summary>A later claim makes all earlier ones worthless.</summary>
    private void ForgetOwners(ref World world, bool isSenders)
    {
        if (!rules.TokensAreNew && world.RolledBack != Ends.None)
            return;
        for (var at = 0; at < 2; at++)
        {
            if (isSenders)
                world.Senders[at].Owns = false;
            else
                world.Receivers[at].Owns = false;
        }
    }

    /// <summary>The store takes the oldest record of a sender.</summary>
    private void KeepRecord(ref World world, int at)
    {
        ref var sender = ref world.Senders[at];
        if (rules.Fences && !sender.Owns)
        {
            Fenced(ref world, ref sender, at);
            return;
        }

        ref var store = ref world.SenderStore;
        var (kind, of) = sender.Journal.Take();
        switch (kind)
        {
            case Record.Begin:
                store = new() { Epoch = of, First = 1, Waiting = store.Waiting };
                break;
            case Record.Add:
                store.Waiting = store.Waiting.With(of);
                world.Stored = world.Stored.With(of);
                break;
            case Record.Remove:
                store.Waiting = store.Waiting.Without(of);
                if (sender.Own.Has(of))
                    world.ToldGivenUp = world.ToldGivenUp.With(of);
                break;
            case Record.RemoveThrough:
                for (; store.First < of && !store.Waiting.IsEmpty; store.First++)
                    store.Waiting = store.Waiting.Without(store.Waiting[0]);
                store.First = of;
                break;
            default:
                store.Peer = of;
                break;
        }

        Send(ref world, at);
    }

    /// <summary>The store takes a receiver's last acceptance.</summary>
    private void Keep(ref World world, int at)
    {
        ref var receiver = ref world.Receivers[at];
        if (rules.Fences && !receiver.Owns)
        {
            Fenced(ref world, ref receiver, at);
            return;
        }

        (world.ReceiverStore.Peer, world.ReceiverStore.Accepted) = (receiver.Peer, receiver.Accepted);
        var news = receiver.Kept != receiver.Accepted;
        (receiver.Kept, receiver.IsSaving) = (receiver.Accepted, false);
        if (news)
            Acknowledge(ref world, at);
    }

    /// <summary>The process learns that another one has claimed the memory: its link ends.</summary>
    private void Fenced(ref World world, ref Sender sender, int at)
    {
        sender = default;
        EndConnection(ref world, at, !ToServers);
    }

    private void Fenced(ref World world, ref Receiver receiver, int at)
    {
        receiver = default;
        EndConnection(ref world, at, ToServers);
    }

    /// <summary>A process ends its connection.</summary>
    private static void EndConnection(ref World world, int at, bool isServers)
    {
        if (isServers)
            world.Connections[at] = new() { Late = world.Connections[at].Late };
        if (!isServers || IsClientAt(world, at))
            world.ClientAt = 0;
    }

    /// <summary>A store has an older state again.</summary>
    private void RollBack(ref World world)
    {
        world.RollbacksLeft = 0;
        (world.RolledBack, world.WrittenBefore) = (scope.RollsBack, world.Written);
        // A store that knows it says so at once. Otherwise only what the protocol notices from now on counts.
        world.Notices = rules.CopyBeginsEpoch ? Notices.MemoryRolledBack : Notices.None;
        if (scope.RollsBack == Ends.Sender)
            world.Erased |= world.SenderStore.Waiting - world.SenderBackup.Waiting;
        (world.SenderStore, world.ReceiverStore) = scope.RollsBack == Ends.Sender
            ? (world.SenderBackup, world.ReceiverStore)
            : (world.SenderStore, world.ReceiverBackup);
        if (scope.RollsBack == Ends.Receiver && scope.Table == TablePlace.InStore)
            world.Table = world.ReceiverBackup.Table;
        (world.SenderBackup, world.ReceiverBackup) = (default, default);
        if (rules.TokensAreNew)
            ForgetOwners(ref world, scope.RollsBack == Ends.Sender);
        if (!rules.CopyBeginsEpoch)
            return;
        if (scope.RollsBack == Ends.Sender && world.SenderStore.Epoch != 0)
            (world.SenderStore.Epoch, world.SenderStore.First) = (NewEpoch(world), 1);
        if (scope.RollsBack == Ends.Receiver && world.ReceiverStore.Epoch != 0)
            world.ReceiverStore.Epoch = NewEpoch(world);
    }

    private void BackUp(ref World world)
    {
        world.HasBackup = true;
        world.SenderBackup = world.SenderStore;
        world.ReceiverBackup = world.ReceiverStore;
        world.ReceiverBackup.Table = scope.Table == TablePlace.InStore ? world.Table : default;
    }
}
