using Rx.IotLink.Bench.Fleet.Control;

namespace Rx.IotLink.Bench.Fleet.Server;

/// <summary>A server under measurement.</summary>
internal interface IServer
{
    int Port { get; }

    /// <summary>What it knows of itself; the process adds the rest.</summary>
    ServerSample Sample { get; }

    /// <summary>Says so many keepalives a second, over all connections. Links do so by themselves.</summary>
    void Beat(double perSecond);
}
