namespace Model;

/// <summary>What happens when no fault happens any more: all lines must come to their end.</summary>
internal sealed partial class Machine
{
    /// <summary>The next step without a fault, one after the other; null: there is nothing to do.</summary>
    public Step? Settle(in World world)
    {
        for (byte at = 0; at < 2; at++)
        {
            if (world.Senders[at].Journal.Count > 0)
                return new(StepKind.KeepRecord, at);
            if (world.Receivers[at].IsSaving)
                return new(StepKind.KeepAcceptance, at);
            if (world.Receivers[at].Inbox.Count > 0)
                return new(StepKind.Handle, at);
        }

        if (!IsClientOn(world))
            return new(StepKind.StartClient);
        return world.ClientAt > 0 && IsUseful(world, world.ClientAt - 1) ? null : new(StepKind.Connect, Owner(world));
    }

    /// <summary>What is broken in a state in which nothing more happens.</summary>
    public static Promise JudgeSettled(in World world)
    {
        for (byte line = 1; line <= world.Written; line++)
        {
            if ((world.Table.Lines | world.GivenUp).Has(line) || IsExcused(world, line))
                continue;
            if (world.Accepted.Has(line))
                return Promise.AcceptedIsThere;
            if ((world.Stored - world.Erased).Has(line))
                return Promise.NoLineLost;
        }

        for (var at = 0; at < 2; at++)
        {
            if (world.Senders[at].Owns && !world.Senders[at].Held.IsEmpty)
                return Promise.AlwaysGoesOn;
        }

        return Promise.Kept;
    }

    /// <summary>Whether the connection loses nothing, and its server owns the memory.</summary>
    private bool IsUseful(in World world, int server)
    {
        var connection = world.Connections[server];
        return connection is { LosesLines: false, LosesAcknowledgements: false } && (ToServers ? world.Receivers[server].Owns : world.Senders[server].Owns);
    }

    private byte Owner(in World world)
    {
        for (byte server = 0; server < scope.Servers; server++)
        {
            if (ToServers ? world.Receivers[server].Owns : world.Senders[server].Owns)
                return server;
        }

        return 0;
    }
}
