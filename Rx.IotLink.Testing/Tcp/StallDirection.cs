namespace Rx.IotLink.Testing.Tcp;

/// <summary>Which way nothing passes.</summary>
public enum StallDirection
{
    /// <summary>Neither way: both ends hear nothing.</summary>
    Both,

    /// <summary>From the client to the server: the server hears nothing, while the client still hears the server.</summary>
    Up,

    /// <summary>From the server to the client: the client hears nothing, while the server still hears the client.</summary>
    Down,
}
