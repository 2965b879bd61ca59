using System.Reactive.Linq;

namespace Rx.IotLink.Cli;

/// <summary>The options of <c>iotlink connect</c>.</summary>
internal sealed record ConnectSettings(HostAndPort Server, string Id, TimeSpan Timeout, Delivery Delivery, bool Echo, bool Stay, TimeSpan Drain)
{
    public required int Protocol { get; init; }

    public required string? KeyFile { get; init; }

    public required TlsFiles Tls { get; init; }
}

/// <summary><c>iotlink connect</c>: a device's end of a link, between standard input and standard output.</summary>
internal sealed class ConnectCommand(ConnectSettings settings, Session session)
{
    /// <summary>Lines of the input on their way, at most: the look-ahead into a huge file.</summary>
    public const int MaxOnTheirWay = 1_000;

    private readonly Ledger ledger = new();

    public async Task<int> RunAsync()
    {
        var options = new IotLinkClientOptions
        {
            Host = settings.Server.Host,
            Port = settings.Server.Port,
            Id = settings.Id,
            Timeout = settings.Timeout,
            Protocol = settings.Protocol,
            Key = LoadKey(),
            Tls = settings.Tls.ForClient(session.Output),
            Scheduler = session.Scheduler,
            // Draining is done here, where it is known what to wait for.
            DrainTimeout = TimeSpan.Zero,
        };

        var link = IotLinkClient.Start(options);
        using var over = new CancellationTokenSource();
        var code = await RunAsync(link, options.MaxLineBytes, over.Token).ConfigureAwait(false);
        await link.DisposeAsync().ConfigureAwait(false);
        // Not before the link is closed: an observer that is let go acknowledges its line, the echo of which was not sent.
        await over.CancelAsync().ConfigureAwait(false);
        return code;
    }

    private ReadOnlyMemory<byte>? LoadKey()
    {
        if (settings.KeyFile is not { } file)
            return null;
        if (settings.Protocol == 1)
            throw new UsageException("--key-file is of no use with --protocol 1, which has no keys.");
        return PrivateFile.LoadKeys(file, session.Output).Find(settings.Id) ?? throw new UsageException($"--key-file: {file} has no key for '{settings.Id}'.");
    }

    private async Task<int> RunAsync(IotLinkClient link, int maxLineBytes, CancellationToken over)
    {
        using var refused = new CancellationTokenSource();
        using var broken = CancellationTokenSource.CreateLinkedTokenSource(refused.Token, session.Output.Closed);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(session.Stop, broken.Token);
        var wasUp = false;
        using var up = link.State.Where(state => state.IsUp).Subscribe(_ => wasUp = true, Ignore);
        using var final = link.State.Where(state => state.IsFinal).Subscribe(_ => refused.Cancel(), _ => refused.Cancel());

        var input = ledger.Open(MaxOnTheirWay);
        var echo = settings.Echo ? LinkReport.Echo(link, ledger.Open(LinkReport.MaxEchoes), settings.Delivery, over) : null;
        using var report = LinkReport.Start(link, session.Output, echo, notice =>
        {
            // A device tries on, since its server may be mended; whoever typed a wrong key wants to know at once. Once it was up, the key is right.
            if (notice.Kind != LinkNoticeKind.PeerNotProven || wasUp)
                return false;
            if (!refused.IsCancellationRequested)
                session.Output.Refused(link.Id, "the server did not prove that it has this device's key: it has another one, or none, or is an impostor");
            refused.Cancel();
            return true;
        });

        var pump = new InputPump(session.Input, maxLineBytes, input, session.Output, emptyIsLine: settings.Protocol == 2);
        await pump.RunAsync(line => Send(link, input, line), stop.Token).ConfigureAwait(false);
        if (settings.Stay)
            await stop.Token.WhenCancelledAsync().ConfigureAwait(false);

        var since = session.Stop.IsCancellationRequested ? "Ctrl-C" : "the end of the input";
        var left = await Ending.DrainAsync(session, ledger, settings.Drain, broken.Token).ConfigureAwait(false);
        var done = settings.Delivery == Delivery.ExactlyOnce ? "acknowledged" : "sent";
        var undone = broken.IsCancellationRequested ? done : $"{done} within {Ending.Seconds(settings.Drain)} of {since}";
        return Ending.Tell(session.Output, left + pump.Unsent, undone, pump.Failed || refused.IsCancellationRequested);
    }

    // What ends the link is told by its state.
    private static void Ignore(Exception error)
    {
    }

    private string? Send(IotLinkClient link, Outgoing input, string line)
    {
        _ = input.FollowAsync(link.WriteAsync(line, settings.Delivery, cancellationToken: CancellationToken.None));
        return null;
    }
}
