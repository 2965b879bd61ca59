using System.Net;
using System.Reactive;
using System.Reactive.Concurrency;
using Rx.IotLink;
using TcpSoak.Lines;

namespace TcpSoak.Ends;

/// <summary>A device, and what its application writes to the server and hears of it.</summary>
internal sealed class DeviceEnd : IAsyncDisposable
{
    private readonly IotLinkClient _client;

    /// <summary>Connects for the first time, and writes and reads from then on.</summary>
    /// <param name="plan">Timeout and protocol.</param>
    /// <param name="id">The device.</param>
    /// <param name="server">The server, or what stands in its place.</param>
    /// <param name="key">Its key, or null.</param>
    /// <param name="lines">Where the lines are written down.</param>
    /// <param name="stop">When to write no more.</param>
    public DeviceEnd(SoakPlan plan, string id, IPEndPoint server, ReadOnlyMemory<byte>? key, DeviceLines lines, IObservable<Unit> stop)
    {
        _client = IotLinkClient.Start(new IotLinkClientOptions
        {
            Host = server.Address.ToString(),
            Port = server.Port,
            Id = id,
            Key = key,
            Timeout = plan.Timeout,
            ConnectTimeout = plan.Timeout * 2,
            BackOff = plan.BackOff,
            Protocol = plan.Protocol,
        });
        _ = Flow.Read(_client, lines.ToDevice);
        Written = Flow.WriteAsync(_client, lines.ToServer, stop, DefaultScheduler.Instance);
    }

    public ILink Link => _client;

    /// <summary>Completes when it was asked to stop and the server has accepted all lines.</summary>
    public Task Written { get; }

    public ValueTask DisposeAsync() => _client.DisposeAsync();
}
