namespace QuickStart.Proxy;

/// <summary>The two ways through a proxy.</summary>
public enum Way
{
    /// <summary>From the client, which connected to the proxy, to the server.</summary>
    ToServer,

    /// <summary>From the server to the client.</summary>
    ToClient,
}

/// <summary>Something that goes wrong with one connection. But for <see cref="Away"/>, later connections through the same proxy are not touched by it.</summary>
public abstract record Fault
{
    private protected Fault()
    {
    }

    /// <summary>A name for people.</summary>
    public abstract string Name { get; }
}

/// <summary>Both ends are told that the other one has finished (FIN). What was under way inside the proxy is lost, in the middle of a line if need be.</summary>
public sealed record Kill : Fault
{
    /// <inheritdoc/>
    public override string Name => "kill";
}

/// <summary>Both ends find their connection reset (RST), and lose what they had not read yet.</summary>
public sealed record Reset : Fault
{
    /// <inheritdoc/>
    public override string Name => "reset";
}

/// <summary>A <see cref="Reset"/>, and every new connection is reset at once, for a while: an access point that starts anew.</summary>
/// <param name="Length">How long new connections are refused.</param>
public sealed record Away(TimeSpan Length) : Fault
{
    /// <inheritdoc/>
    public override string Name => "away";
}

/// <summary>
/// Nothing passes either way, not even the end of the connection: each end has to find out by itself, and may open another connection meanwhile. What was
/// under way arrives when the stall is over, if anybody is still there to take it.
/// </summary>
/// <param name="Length">How long.</param>
public sealed record Stall(TimeSpan Length) : Fault
{
    /// <inheritdoc/>
    public override string Name => "stall";
}

/// <summary>A <see cref="Stall"/> of one way only: one end hears nothing, while what it says still arrives.</summary>
/// <param name="Way">The way that is stalled.</param>
/// <param name="Length">How long.</param>
public sealed record StallOneWay(Way Way, TimeSpan Length) : Fault
{
    /// <inheritdoc/>
    public override string Name => Way == Way.ToServer ? "stall to server" : "stall to device";
}

/// <summary>Everything passes in small pieces with a pause after each, so that lines and characters are torn apart.</summary>
/// <param name="Length">How long.</param>
/// <param name="SliceBytes">The size of a piece, at most.</param>
/// <param name="Pause">The pause after each piece.</param>
public sealed record Slow(TimeSpan Length, int SliceBytes, TimeSpan Pause) : Fault
{
    /// <inheritdoc/>
    public override string Name => "slow";
}

/// <summary>A fault as it was done: the proxy's own record.</summary>
/// <param name="Proxy">The name of the proxy.</param>
/// <param name="At">When, by the stopwatch that the proxy was given.</param>
/// <param name="Connection">Which of the proxy's connections it hit, counted from 1.</param>
/// <param name="Fault">What was done.</param>
public sealed record FaultRecord(string Proxy, TimeSpan At, int Connection, Fault Fault);
