namespace Rx.IotLink.Bridge;

/// <summary>How far the way to the server goes, as a host or a bridge knows it.</summary>
public enum BridgeState
{
    /// <summary>Nothing is known yet.</summary>
    Starting,

    /// <summary>The serial port cannot be had, or is gone. It is tried again every second.</summary>
    NoPort,

    /// <summary>The port is open, and no other end answers on it.</summary>
    NoAnswer,

    /// <summary>The bridge is there and has no network. It tries for ever.</summary>
    NoNetwork,

    /// <summary>The bridge has a network, and no connection to a server is wanted.</summary>
    Idle,

    /// <summary>The bridge connects to the server.</summary>
    Connecting,

    /// <summary>Bytes flow between host and server.</summary>
    Connected,
}

/// <summary>A state, and why.</summary>
/// <param name="State">The state.</param>
/// <param name="Detail">The reason, in words; empty where there is none. Safe to show: no control characters.</param>
public sealed record BridgeStatus(BridgeState State, string Detail = "")
{
    /// <inheritdoc/>
    public override string ToString() => Detail.Length > 0 ? $"{State}: {Detail}" : $"{State}";
}

/// <summary>What a bridge reports from time to time, if its host asks for it.</summary>
/// <param name="Connections">How many connections to servers it has made since it started.</param>
/// <param name="Number">The number of the report, from 1 in each session.</param>
/// <param name="FreeMemory">Its free memory in bytes; 0 where that means nothing.</param>
public sealed record BridgeReport(int Connections, int Number, int FreeMemory);

/// <summary>What was counted on the wire since the start.</summary>
/// <param name="Frames">Frames that came whole.</param>
/// <param name="BadFrames">Pieces that were no frames: noise, or another program's text.</param>
/// <param name="Repeated">Frames that this end sent again.</param>
/// <param name="Sessions">How often the other end was met.</param>
/// <param name="Resets">How often this end has reset the bridge, or the bridge was asked to.</param>
public sealed record BridgeCounters(int Frames, int BadFrames, int Repeated, int Sessions, int Resets);
