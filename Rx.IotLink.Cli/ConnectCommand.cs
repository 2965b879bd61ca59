using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using System.Text;
using Rx.IotLink.Bridge;

namespace Rx.IotLink.Cli;

/// <summary>The options of <c>iotlink connect</c>.</summary>
internal sealed record ConnectSettings(HostAndPort? Server, string Id, TimeSpan Timeout, Delivery Delivery, bool Echo, bool Stay, TimeSpan Drain)
{
    public required int? Protocol { get; init; }

    public required string? KeyFile { get; init; }

    /// <summary>Whether other users may read or write the key file.</summary>
    public required bool InsecureKeyFile { get; init; }

    public required TlsFiles Tls { get; init; }

    /// <summary>The file of the session store, or null.</summary>
    public required string? Store { get; init; }

    /// <summary>Whether to leave as soon as all lines are stored.</summary>
    public required bool UntilStored { get; init; }

    /// <summary>How long a line may wait to be sent, or null.</summary>
    public required TimeSpan? TimeToLive { get; init; }

    /// <summary>The serial port to a bridge, or null.</summary>
    public required string? Serial { get; init; }

    public required int BaudRate { get; init; }

    /// <summary>With a serial port: the server, or null where the bridge knows it.</summary>
    public required HostAndPort? To { get; init; }

    /// <summary>The key of lines that say none themselves, or null.</summary>
    public required string? LineKey { get; init; }
}

/// <summary><c>iotlink connect</c>: a device's end of a link, between standard input and standard output.</summary>
internal sealed class ConnectCommand(ConnectSettings settings, CommandContext context)
{
    /// <summary>The most lines of the input in flight: so far it reads ahead in a huge file.</summary>
    public const int MaxOnTheirWay = 1_000;

    // While a key is replaced, the server has both, and may prove one at the first attempt and the other at the next.
    private const int UnprovenAttempts = 2;

    // This is how the link shows that a server has keys.
    private const string WantsProof = "the server says 'auth'";

    private readonly WriteOptions write = new()
    {
        Delivery = settings.Delivery,
        Until = settings.Store is null ? WrittenUntil.Accepted : WrittenUntil.Stored,
        TimeToLive = settings.TimeToLive,
        Key = settings.LineKey,
    };

    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(100);

    private readonly LineWindows windows = new();

    public async Task<int> RunAsync()
    {
        if (settings is { UntilStored: true, Store: null })
            throw new UsageException("--until stored needs --store.");
        if (settings is { Store: not null, Delivery: Delivery.BestEffort })
            throw new UsageException("--store is of no use with --best-effort, which keeps nothing.");
        if (settings is { Serial: null, Server: null })
            throw new UsageException("give the server, as HOST[:PORT], or --serial PORT.");
        if (settings is { Serial: null, To: not null })
            throw new UsageException("--to is of no use without --serial: give the server as HOST or HOST:PORT.");
        if (settings is { Serial: not null, Server: not null })
            throw new UsageException("with --serial the server is given with --to.");
        if (settings.Serial is not null && settings.Tls.On)
            throw new UsageException("--tls is of no use with --serial; a key (--key-file) protects who speaks, but encrypts nothing.");
        if (settings.To is { } to && Encoding.UTF8.GetByteCount(to.Host) > 108)
            throw new UsageException("--to: with --serial a host name has at most 108 bytes.");
        if (await StartBridgeAsync().ConfigureAwait(false) is not { } bridge)
            return await RunAsync(transport: null).ConfigureAwait(false);
        using (bridge.Status.Subscribe(status => context.Output.Bridge(settings.Serial!, status)))
        {
            try
            {
                return await RunAsync(bridge).ConfigureAwait(false);
            }
            finally
            {
                await bridge.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    private async Task<int> RunAsync(BridgeTransport? transport)
    {
        using var store = await StoreFile.OpenAsync(settings.Store, context).ConfigureAwait(false);
        var options = new IotLinkClientOptions
        {
            // Over a serial line the transport knows the server; here is what messages name.
            Host = settings.Server?.Host ?? settings.To?.Host ?? settings.Serial!,
            Port = settings.Server?.Port ?? settings.To?.Port ?? HostAndPort.DefaultPort,
            Transport = transport,
            Id = settings.Id,
            Timeout = settings.Timeout,
            Protocol = settings.Protocol,
            Key = LoadKey(),
            Tls = settings.Tls.ForClient(context.Output),
            Scheduler = context.Scheduler,
            // This code drains, since it knows what to wait for.
            DrainTimeout = TimeSpan.Zero,
            SessionStore = store,
            StoredLines = StoreFile.MaxLines,
            StoredBytes = StoreFile.MaxBytes,
        };

        IotLinkClient link;
        try
        {
            link = await IotLinkClient.OpenAsync(options).ConfigureAwait(false);
        }
        catch (SessionStoreException e)
        {
            throw new UsageException($"--store: {e.Message}");
        }

        using var over = new CancellationTokenSource();
        var code = await RunAsync(link, options.MaxLineBytes, over.Token).ConfigureAwait(false);
        await link.DisposeAsync().ConfigureAwait(false);
        // Not before the link is closed: a released observer acknowledges its line, whose echo was not sent.
        await over.CancelAsync().ConfigureAwait(false);
        return code;
    }

    private async Task<BridgeTransport?> StartBridgeAsync() => settings.Serial is not { } serial ? null : BridgeTransport.Start(new()
    {
        Wire = await SerialPorts.CheckAsync(serial, settings.BaudRate).ConfigureAwait(false),
        Host = settings.To?.Host ?? "",
        Port = settings.To?.Port ?? HostAndPort.DefaultPort,
        Scheduler = context.Scheduler,
    });

    private ReadOnlyMemory<byte>? LoadKey()
    {
        if (settings.KeyFile is not { } file)
            return null;
        if (settings.Protocol == 1)
            throw new UsageException("--key-file is of no use with --protocol 1, which has no keys.");
        return PrivateFile.LoadKeys(file, settings.InsecureKeyFile).Find(settings.Id) ?? throw new UsageException($"--key-file: {file} has no key for '{settings.Id}'.");
    }

    private async Task<int> RunAsync(IotLinkClient link, int maxLineBytes, CancellationToken over)
    {
        using var standing = new Standing();
        var answered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var broken = CancellationTokenSource.CreateLinkedTokenSource(standing.InVain, context.Output.Closed);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.Stop, context.Output.Closed);
        var unproven = 0;

        var input = windows.Open(MaxOnTheirWay);
        var echo = settings.Echo ? LinkReport.Echo(link, windows.Open(LinkReport.MaxEchoes), settings.Delivery, over) : null;
        using var report = LinkReport.Start(link, context.Output.Line, context.Output, echo, notice =>
        {
            if (notice.Kind == LinkNoticeKind.PeerNotProven && ++unproven < UnprovenAttempts && !standing.WasUp)
                return true;
            // A person who typed a wrong key wants to know soon. But the message may come from an impostor, so the link
            // tries again.
            var refusal = standing.WasUp && notice.Kind == LinkNoticeKind.PeerNotProven ? null : RefusalOf(notice);
            if (refusal is not null && standing.Refuse())
                context.Output.Refused(link.Id, refusal);
            if (notice.Kind is LinkNoticeKind.ConnectFailed or LinkNoticeKind.PeerNotProven or LinkNoticeKind.Refused)
                answered.TrySetResult();
            return refusal is not null;
        }, state =>
        {
            context.Output.State(link.Id, state);
            if (!state.IsUp)
                return;
            standing.Up();
            answered.TrySetResult();
        });

        var pump = context.ReadsJson
            ? new InputPump(context.Input, JsonInput.MaxBytes(maxLineBytes), input, context.Output)
            : new InputPump(context.Input, maxLineBytes, input, context.Output, emptyIsLine: settings.Protocol != 1);
        await pump.RunAsync(text => Send(link, input, text, maxLineBytes), stop.Token).ConfigureAwait(false);
        if (settings.UntilStored && !settings.Stay)
            return await EndStoredAsync(pump, broken.Token).ConfigureAwait(false);
        if (settings.Stay)
            await stop.Token.WhenCancelledAsync().ConfigureAwait(false);
        else
            await WaitForAnswerAsync(answered.Task, stop.Token).ConfigureAwait(false);
        standing.Leave();

        var since = context.Stop.IsCancellationRequested ? "Ctrl-C" : "the end of the input";
        var (left, inVain) = await ExitReport.DrainAsync(context, windows, settings.Drain, since, broken.Token).ConfigureAwait(false);
        if (settings.Store is not null)
            left = await DrainStoreAsync(link, broken.Token).ConfigureAwait(false);
        var done = settings.Delivery == Delivery.ExactlyOnce ? "acknowledged" : "sent";
        var kept = settings.Store is null ? "" : "; they are in the file of --store, and the next command with it delivers them";
        return ExitReport.Tell(context.Output, left + pump.Unsent, done + inVain + kept, pump.Failed || standing.IsRefused);
    }

    /// <summary>Ends when all lines are stored.</summary>
    private async Task<int> EndStoredAsync(InputPump pump, CancellationToken broken)
    {
        var (left, inVain) = await ExitReport.DrainAsync(context, windows, settings.Drain, "the end of the input", broken).ConfigureAwait(false);
        return ExitReport.Tell(context.Output, left + pump.Unsent, "stored" + inVain, pump.Failed);
    }

    /// <summary>
    /// Waits until the server has accepted all stored lines, or no line was accepted for the time of --drain. Gives how
    /// many lines are left.
    /// </summary>
    private async Task<int> DrainStoreAsync(IotLinkClient link, CancellationToken broken)
    {
        var stuck = Observable.Interval(BetweenLooks, context.Scheduler)
            .Select(_ => link.Counters.Outbox)
            .DistinctUntilChanged()
            .Throttle(settings.Drain, context.Scheduler);
        try
        {
            await link.DrainAsync(broken).ToObservable().TakeUntil(stuck).DefaultIfEmpty().ToTask(CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // Only the number of remaining lines matters.
        }

        return link.Counters.Outbox;
    }

    /// <summary>
    /// The message about a refusal; null if the notice is not a refusal. Without a key it says how to give one.
    /// </summary>
    private string? RefusalOf(LinkNotice notice) => notice.Kind switch
    {
        LinkNoticeKind.PeerNotProven => "the server did not prove that it has this device's key: it has another one, or none, or is an impostor; it is tried again as long as there is input",
        LinkNoticeKind.Refused when settings.KeyFile is null && notice.Detail.StartsWith(WantsProof, StringComparison.Ordinal) =>
            $"the server wants a key, and this device gave none: give it with --key-file ({notice.Detail})",
        LinkNoticeKind.Refused => notice.Detail,
        _ => null,
    };

    /// <summary>
    /// Without a line to deliver, the command would end before any answer of the server. So it also waits until the
    /// server admits or refuses it.
    /// </summary>
    private async Task WaitForAnswerAsync(Task answer, CancellationToken stop) => await Task.WhenAny(answer, stop.WhenCancelledAsync())
        .ToObservable()
        .TakeUntil(Observable.Timer(settings.Drain, context.Scheduler))
        .DefaultIfEmpty()
        .ToTask(CancellationToken.None)
        .ConfigureAwait(false);

    private string? Send(IotLinkClient link, LineWindow input, string text, int maxLineBytes)
    {
        var (line, fault) = context.ReadsJson
            ? JsonInput.Parse(text, maxLineBytes, emptyIsLine: settings.Protocol != 1, settings.Id)
            : (new AddressedLine(settings.Id, text), null);
        if (line is not null)
            _ = input.FollowAsync(link.WriteAsync(line.Text, line.Options(write), CancellationToken.None));
        return fault;
    }

    /// <summary>
    /// Whether the server refuses this device; and whether the command should still wait for it, when it has nothing
    /// else to do.
    /// </summary>
    private sealed class Standing : IDisposable
    {
        private readonly Lock gate = new();
        private readonly CancellationTokenSource inVain = new();
        private bool leaves;

        public bool WasUp { get; private set; }

        public bool IsRefused { get; private set; }

        public CancellationToken InVain => inVain.Token;

        /// <summary>Records a refusal. Gives whether it is the first since the link was up.</summary>
        public bool Refuse()
        {
            lock (gate)
            {
                if (IsRefused)
                    return false;
                IsRefused = true;
            }

            EndIfInVain();
            return true;
        }

        public void Up()
        {
            lock (gate)
                (WasUp, IsRefused) = (true, false);
        }

        /// <summary>From now on it waits only for lines in flight.</summary>
        public void Leave()
        {
            lock (gate)
                leaves = true;
            EndIfInVain();
        }

        public void Dispose() => inVain.Dispose();

        private void EndIfInVain()
        {
            lock (gate)
            {
                if (!leaves || !IsRefused)
                    return;
            }

            inVain.Cancel();
        }
    }
}
