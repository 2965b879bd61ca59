namespace Rx.IotLink.Testing;

/// <summary>
/// Which way nothing comes through. One way only is a half-open connection: one end hears, and is not heard.
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
