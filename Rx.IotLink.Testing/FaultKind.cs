namespace Rx.IotLink.Testing;

/// <summary>The kinds of faults.</summary>
public enum FaultKind
{
    /// <summary>The connections break.</summary>
    Kill,

    /// <summary>Nothing arrives; no end sees an error, and nothing is lost.</summary>
    Stall,

    /// <summary>New connections are refused.</summary>
    Refuse,

    /// <summary>Everything takes longer.</summary>
    Delay,

    /// <summary>Only a limited number of bytes a second arrive.</summary>
    Throttle,

    /// <summary>A write in one piece arrives in many pieces.</summary>
    Slice,

    /// <summary>Writes in many pieces arrive in one piece.</summary>
    Coalesce,

    /// <summary>New connections take longer.</summary>
    OpenSlowly,

    /// <summary>A process ends and starts again.</summary>
    Crash,

    /// <summary>The disk of a machine cannot be written, or loses writes.</summary>
    Disk,

    /// <summary>A server's log throws at each entry.</summary>
    Log,

    /// <summary>The application on a machine does wrong with received lines.</summary>
    Handler,
}
