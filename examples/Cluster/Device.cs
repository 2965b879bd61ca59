using System.Globalization;
using System.Reactive.Linq;
using Examples.Common;
using Rx.IotLink;

namespace Examples.Cluster;

/// <summary>A device: it sends numbers, and the application answers each. No code here knows of outages.</summary>
internal sealed class Device : IAsyncDisposable
{
    private readonly IotLinkClient link;
    private readonly IDisposable hearing;
    private DateTimeOffset? downSince;

    public Device(string id, int port)
    {
        Id = id;
        link = IotLinkClient.Start(new IotLinkClientOptions
        {
            Host = "127.0.0.1",
            Port = port,
            Id = id,
            Timeout = Times.Timeout,
            OutboxLines = 10_000,
            DrainTimeout = TimeSpan.Zero,
            BackOff = new() { Initial = TimeSpan.FromMilliseconds(100), Cap = TimeSpan.FromSeconds(1) },
        });
        hearing = link.Lines.Subscribe(line =>
        {
            ToDevice.Receive(Number.Of(line));
            ToDevice.Accept();
        });
        link.State.SkipWhile(state => !state.IsUp).Subscribe(Follow);
    }

    public string Id { get; }

    /// <summary>The numbers that it sends.</summary>
    public Tally ToApplication { get; } = new();

    /// <summary>The answers.</summary>
    public Tally ToDevice { get; } = new();

    /// <summary>How often its link was down.</summary>
    public int Outages { get; private set; }

    /// <summary>The longest time for which it had no server, after its first connection.</summary>
    public TimeSpan LongestOutage { get; private set; }

    /// <summary>Sends the next number. Completes when a server has accepted it.</summary>
    public async Task MeasureAsync()
    {
        ToDevice.Write();
        await link.WriteAsync(ToApplication.Write().ToString(CultureInfo.InvariantCulture));
        ToApplication.Accept();
    }

    private void Follow(LinkState state)
    {
        if (!state.IsUp)
        {
            downSince ??= state.Since;
            Outages++;
        }
        else if (downSince is { } since)
        {
            LongestOutage = state.Since - since > LongestOutage ? state.Since - since : LongestOutage;
            downSince = null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        hearing.Dispose();
        await link.DisposeAsync();
    }
}
