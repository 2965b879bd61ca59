using System.Net;

namespace Rx.IotLink.Server;

/// <summary>What listens, and hands each connection to the server.</summary>
internal interface IListener : IDisposable
{
    /// <summary>Where.</summary>
    IPEndPoint EndPoint { get; }

    /// <summary>Stops listening at once; completes when every connection has ended.</summary>
    Task StopAsync();
}
