namespace Rx.IotLink.Testing;

/// <summary>
/// The direction in which nothing arrives. In one direction only, this is a half-open connection: one end receives, but
/// its own bytes do not arrive.
/// </summary>
[Flags]
public enum StallDirection
{
    /// <summary>From the device to the server.</summary>
    Up = 1,

    /// <summary>From the server to the device.</summary>
    Down = 2,

    /// <summary>Both ways.</summary>
    Both = Up | Down,
}
