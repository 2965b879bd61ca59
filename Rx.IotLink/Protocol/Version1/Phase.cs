namespace Rx.IotLink.Protocol.Version1;

/// <summary>The phases of a connection of protocol 1.</summary>
internal enum Phase
{
    /// <summary>There is no connection.</summary>
    Disconnected,

    /// <summary>
    /// Client: the id was sent, and nothing may follow until the server's first line. Server: a keepalive was sent,
    /// messages wait for the client's first bytes.
    /// </summary>
    Greeting,

    /// <summary>
    /// Server: the client has sent its first bytes; messages wait a moment more, until its reader is ready.
    /// </summary>
    Settling,

    /// <summary>Messages flow.</summary>
    Open,
}

/// <summary>The steps from phase to phase.</summary>
internal enum Step
{
    /// <summary>The connection was made.</summary>
    Connect,

    /// <summary>Any bytes arrived.</summary>
    Bytes,

    /// <summary>A complete line arrived.</summary>
    Line,

    /// <summary>The settling time is over.</summary>
    Settled,

    /// <summary>The connection ended.</summary>
    Disconnect,
}

/// <summary>All transitions of protocol 1.</summary>
internal static class Phases
{
    public static Phase Next(Role role, Phase phase, Step step) => (role, phase, step) switch
    {
        (_, Phase.Disconnected, Step.Connect) => Phase.Greeting,
        (Role.Client, Phase.Greeting, Step.Line) => Phase.Open,
        (Role.Server, Phase.Greeting, Step.Bytes) => Phase.Settling,
        (Role.Server, Phase.Settling, Step.Settled) => Phase.Open,
        (_, _, Step.Disconnect) => Phase.Disconnected,
        (_, not Phase.Disconnected, Step.Bytes or Step.Line or Step.Settled) => phase,
        _ => throw new InvalidOperationException($"{step} cannot happen to a {role} that is {phase}."),
    };
}
