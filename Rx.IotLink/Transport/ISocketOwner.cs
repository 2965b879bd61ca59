namespace Rx.IotLink.Transport;

/// <summary>Who counts a socket.</summary>
internal interface ISocketOwner
{
    /// <summary>Its device is expected, or has proved itself: no limit for strangers concerns it. At most once.</summary>
    void Known();

    /// <summary>It is closed, and nobody serves its connection any more. Once.</summary>
    void Ended();
}

/// <summary>A connection that counts otherwise when its device is known.</summary>
internal interface IKnownConnection
{
    /// <summary>Its device is expected, or has proved itself. At most once.</summary>
    void IsKnown();
}
