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

    /// <summary>Writes so many lines a second, one device after the other.</summary>
    void Write(double perSecond);

    /// <summary>How many connections stand.</summary>
    Task<int> CountAsync();

    /// <summary>Begins lines on all connections, cuts all at once, has all come back and finish their lines.</summary>
    Task<Done> StormAsync();
}

/// <summary>Where devices connect to, and from.</summary>
/// <param name="Server">The server.</param>
/// <param name="Process">The number of the process, so that each has loopback addresses of its own.</param>
/// <param name="First">The number of the first device, so that processes do not share names.</param>
internal sealed record Place(IPEndPoint Server, byte Process, int First)
{
    private const int DevicesOfAnAddress = 100;

    /// <summary>
    /// The address of a device. Many share one, but not all do: a server that may open few files gives at most half of
    /// them to unknown devices of one address.
    /// </summary>
    public IPAddress SourceOf(int device)
    {
        var (network, host) = Math.DivRem((device - First) / DevicesOfAnAddress, 250);
        return new([127, Process, (byte)network, (byte)(host + 1)]);
    }
}
