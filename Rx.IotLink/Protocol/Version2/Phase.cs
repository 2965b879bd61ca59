namespace Rx.IotLink.Protocol.Version2;

/// <summary>The phases of a connection of protocol 2.</summary>
internal enum Phase
{
    /// <summary>There is no connection.</summary>
    Disconnected,

    /// <summary>Client: the opening was sent, and the server's answer has not come.</summary>
    Greeting,

    /// <summary>Client: the server has proved itself, the client's proof was sent.</summary>
    Proving,

    /// <summary>Lines flow.</summary>
    Open,

    /// <summary>
    /// This end has sent its last message (a refusal, a farewell), or received the peer's; later bytes do not count.
    /// </summary>
    Over,
}

/// <summary>The steps from phase to phase.</summary>
internal enum Step
{
    /// <summary>Client: the connection was made.</summary>
    Connect,

    /// <summary>Server: the client's opening (and proof, where one is asked for) was good.</summary>
    Admit,

    /// <summary>Client: the server proved itself and asked for the client's proof.</summary>
    Prove,

    /// <summary>Client: the server admitted it.</summary>
    Ok,

    /// <summary>The peer, or this end, refused or sent a farewell.</summary>
    End,

    /// <summary>The connection ended.</summary>
    Disconnect,
}

/// <summary>All transitions of protocol 2.</summary>
internal static class Phases
{
    /// <summary>
    /// The next phase, or null: this step may not come in this phase (from a peer, that is a protocol error).
    /// </summary>
    public static Phase? Next(Phase phase, Step step) => (phase, step) switch
    {
        (Phase.Disconnected, Step.Connect) => Phase.Greeting,
        (Phase.Disconnected, Step.Admit) => Phase.Open,
        (Phase.Greeting, Step.Prove) => Phase.Proving,
        (Phase.Greeting or Phase.Proving, Step.Ok) => Phase.Open,
        (not Phase.Disconnected, Step.End) => Phase.Over,
        (_, Step.Disconnect) => Phase.Disconnected,
        _ => null,
    };
}
