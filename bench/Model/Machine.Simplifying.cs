namespace Model;

/// <summary>
/// States that no later step can distinguish are made the same, so that there are fewer. Where a rule of claims is left
/// out, old owners matter, and stay as they are.
/// </summary>
internal sealed partial class Machine
{
    private bool OldOwnersAreHarmless => rules.Fences && rules.ChecksClaimAtOpening && rules.TokensAreNew;

    private void Simplify(ref World world)
    {
        for (var server = 0; server < 2; server++)
        {
            ref var connection = ref world.Connections[server];
            if (IsClientAt(world, server))
                continue;
            // A receiver says nothing by itself; a sender gives numbers to lines on a connection that is long over.
            connection = new() { Late = connection.Late, IsOpen = connection.IsOpen && !ToServers };
            if (!OldOwnersAreHarmless)
                continue;
            if (ToServers)
                SimplifyOldOwner(ref world.Receivers[server]);
            else
                SimplifyOldOwner(ref world, ref world.Senders[server], server);
        }
    }

    /// <summary>
    /// It claims again when a device comes. Until then it can only hand out lines, and be fenced out.
    /// </summary>
    private void SimplifyOldOwner(ref Receiver receiver)
    {
        if (receiver.Owns || !receiver.IsOn)
            return;
        receiver = receiver.Inbox.Count == 0 || scope.Table == TablePlace.InStore
            ? default
            : new() { IsOn = true, IsSaving = true, Inbox = receiver.Inbox };
    }

    /// <summary>It claims again when a device comes, and what is written or given up at it is fenced out.</summary>
    private void SimplifyOldOwner(ref World world, ref Sender sender, int server)
    {
        if (sender.Owns || !sender.IsOn || scope.GivenUp > 0)
            return;
        LoseEpoch(ref world, sender);
        sender = default;
        world.Connections[server].IsOpen = false;
    }
}
