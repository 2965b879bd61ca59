using System.Net;
using System.Reactive;
using System.Reactive.Concurrency;
using Rx.IotLink;
using Rx.IotLink.Server;
using TcpSoak.Lines;

namespace TcpSoak.Ends;

/// <summary>The server, and what its application writes to each device and hears of it.</summary>
internal sealed class ServerEnd : IAsyncDisposable
{
    private readonly IotLinkServer _server;
    private readonly IReadOnlyDictionary<string, DeviceLines> _lines;
    private readonly List<Task> _writers = [];
    private readonly List<ILink> _links = [];
    private readonly Lock _gate = new();
    private readonly IObservable<Unit> _stop;
    private readonly IDisposable _serving;

    private ServerEnd(IotLinkServer server, IReadOnlyDictionary<string, DeviceLines> lines, Action<ILink> seen, IObservable<Unit> stop)
    {
        (_server, _lines, _stop) = (server, lines, stop);
        _serving = server.Links.Subscribe(link =>
        {
            seen(link);
            Serve(link);
        });
    }

    /// <param name="plan">Timeout and protocol.</param>
    /// <param name="bind">Where to listen.</param>
    /// <param name="keys">The devices' keys, or null.</param>
    /// <param name="lines">Where the lines are written down.</param>
    /// <param name="seen">Called once for each link.</param>
    /// <param name="stop">When to write no more.</param>
    public static async Task<ServerEnd> StartAsync(SoakPlan plan, IPEndPoint bind, DeviceKeys? keys, IReadOnlyDictionary<string, DeviceLines> lines, Action<ILink> seen, IObservable<Unit> stop)
    {
        var server = await IotLinkServer.StartAsync(new IotLinkServerOptions
        {
            Bind = bind.Address,
            Port = bind.Port,
            Timeout = plan.Timeout,
            RetryAfter = plan.Timeout / 4,
            KeyOf = keys is null ? null : keys.Find,
            Expected = [.. lines.Keys],
            UnknownIds = UnknownIdPolicy.Refuse,
        });
        return new ServerEnd(server, lines, seen, stop);
    }

    public IPEndPoint EndPoint => _server.EndPoint;

    public int Connections => _server.Counters.Connections;

    public long Outages => Links().Sum(link => link.Counters.Outages);

    public long ProtocolErrors => Links().Sum(link => link.Counters.ProtocolErrors);

    /// <summary>Completes when it was asked to stop and every device has accepted all lines.</summary>
    public Task Written => Task.WhenAll(Writers());

    public async ValueTask DisposeAsync()
    {
        _serving.Dispose();
        await _server.DisposeAsync();
    }

    private void Serve(ILink link)
    {
        var lines = _lines[link.Id];
        // For as long as the link is there: the server ends it.
        _ = Flow.Read(link, lines.ToServer);
        var writer = Flow.WriteAsync(link, lines.ToDevice, _stop, DefaultScheduler.Instance);
        lock (_gate)
        {
            _links.Add(link);
            _writers.Add(writer);
        }
    }

    private ILink[] Links()
    {
        lock (_gate)
            return [.. _links];
    }

    private Task[] Writers()
    {
        lock (_gate)
            return [.. _writers];
    }
}

/// <summary>The lines of one device.</summary>
internal sealed record DeviceLines(Direction ToServer, Direction ToDevice)
{
    public static IReadOnlyDictionary<string, DeviceLines> Of(IEnumerable<string> ids, Teller toServer = Teller.Both, Teller toDevice = Teller.Both) =>
        ids.ToDictionary(id => id, _ => new DeviceLines(new Direction(toServer), new Direction(toDevice)), StringComparer.Ordinal);
}
