namespace Rx.IotLink.Testing;

/// <summary>What goes wrong.</summary>
public enum FaultKind
{
    /// <summary>The connections break.</summary>
    Kill,

    /// <summary>Nothing comes through; nobody is told, and nothing is lost.</summary>
    Stall,

    /// <summary>New connections are refused.</summary>
    Refuse,

    /// <summary>Everything takes longer.</summary>
    Delay,

    /// <summary>Only so many bytes a second come through.</summary>
    Throttle,

    /// <summary>What is written in one piece arrives in many.</summary>
    Slice,

    /// <summary>What is written in many pieces arrives in one.</summary>
    Coalesce,

    /// <summary>Connections take longer to be made.</summary>
    OpenSlowly,

    /// <summary>A process ends and starts again.</summary>
    Crash,

    /// <summary>A machine's disk cannot be written to, or loses what is written.</summary>
    Disk,

    /// <summary>A server's log throws at each entry.</summary>
    Log,
}
