using System.Net;

namespace Rx.IotLink.Server;

/// <summary>A server for links: listens, knows who is connected, and holds one link per device for ever.</summary>
public sealed class IotLinkServer : IAsyncDisposable
{
    private IotLinkServer()
    {
    }

    /// <summary>Starts to listen.</summary>
    /// <exception cref="ArgumentException">An option is out of range; the message names it.</exception>
    /// <exception cref="IOException">The endpoint is in use or cannot be had; the message names it.</exception>
    public static Task<IotLinkServer> StartAsync(IotLinkServerOptions options, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    /// <summary>The address and port that are listened on.</summary>
    public IPEndPoint EndPoint => throw new NotSupportedException();

    /// <summary>Each device's link, once, when it first connects; those that exist already first. Completes when the server stops.</summary>
    public IObservable<ILink> Links => throw new NotSupportedException();

    /// <summary>What happens to the fleet, from now on.</summary>
    public IObservable<LinkChange> Changes => throw new NotSupportedException();

    /// <summary>The link of a device that has connected at least once, or null.</summary>
    public ILink? Find(string id) => throw new NotSupportedException();

    /// <summary>The link of a device, once it has connected for the first time.</summary>
    public Task<ILink> WaitForAsync(string id, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    /// <summary>The links of these devices (default: the expected ones), once all of them have connected for the first time.</summary>
    public Task<IReadOnlyDictionary<string, ILink>> WaitForAllAsync(IEnumerable<string>? ids = null, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    /// <summary>Stops listening, waits up to the drain timeout until all written lines are accepted, then closes every link.</summary>
    public Task StopAsync(CancellationToken cancellationToken = default) => throw new NotSupportedException();

    /// <summary><see cref="StopAsync"/>.</summary>
    public ValueTask DisposeAsync() => throw new NotSupportedException();
}
