using System.Net;
using Rx.IotLink.Bench.Fleet.Control;

namespace Rx.IotLink.Bench.Fleet.Clients;

/// <summary>The devices of one process.</summary>
internal interface IClients
{
    /// <summary>Opens further connections.</summary>
    Task<Done> OpenAsync(int count, int together);

    /// <summary>Says so many keepalives a second over all connections, beside those that each says by itself.</summary>
    void Beat(double perSecond);

    /// <summary>How many connections stand.</summary>
    Task<int> CountAsync();

    /// <summary>Begins lines on all connections, cuts all at once, has all come back and finish their lines.</summary>
    Task<Done> StormAsync();
}

/// <summary>Where devices connect to, and from.</summary>
/// <param name="Server">The server.</param>
/// <param name="Source">A loopback address of this process's own: each has its own 28,000 ports.</param>
/// <param name="First">The number of the first device, so that processes do not share names.</param>
internal sealed record Place(IPEndPoint Server, IPAddress Source, int First);
