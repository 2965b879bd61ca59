using System.Net;

namespace Rx.IotLink.Server;

/// <summary>Listens, and passes each connection to the server.</summary>
internal interface IListener : IDisposable
{
    /// <summary>The address and port.</summary>
    IPEndPoint EndPoint { get; }

    /// <summary>Stops listening at once; completes when every connection has ended.</summary>
    Task StopAsync();
}
