using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;

namespace Rx.IotLink.Cli;

/// <summary>The options of <c>iotlink connect</c>.</summary>
internal sealed record ConnectSettings(HostAndPort Server, string Id, TimeSpan Timeout, Delivery Delivery, bool Echo, bool Stay, TimeSpan Drain)
{
    public required int? Protocol { get; init; }

    public required string? KeyFile { get; init; }

    /// <summary>Whether the key file may be one that others than its owner may read or write.</summary>
    public required bool InsecureKeyFile { get; init; }

    public required TlsFiles Tls { get; init; }

    /// <summary>The file of the session store, or null.</summary>
    public required string? Store { get; init; }

    /// <summary>Whether to leave as soon as all lines are stored.</summary>
    public required bool UntilStored { get; init; }
}

/// <summary><c>iotlink connect</c>: a device's end of a link, between standard input and standard output.</summary>
internal sealed class ConnectCommand(ConnectSettings settings, Session session)
{
    /// <summary>Lines of the input on their way, at most: the look-ahead into a huge file.</summary>
    public const int MaxOnTheirWay = 1_000;

    // While a key is replaced, the server has both, and may prove one at the first attempt and the other at the next.
    private const int UnprovenAttempts = 2;

    // How the link tells that a server has keys.
    private const string WantsProof = "the server says 'auth'";

    private static readonly WriteOptions Stored = new() { Until = WrittenUntil.Stored };
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(100);

    private readonly Ledger ledger = new();

    public async Task<int> RunAsync()
    {
        if (settings is { UntilStored: true, Store: null })
            throw new UsageException("--until stored needs --store.");
        if (settings is { Store: not null, Delivery: Delivery.BestEffort })
            throw new UsageException("--store is of no use with --best-effort, which keeps nothing.");
        using var store = StoreFile.Open(settings.Store);
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
        return PrivateFile.LoadKeys(file, settings.InsecureKeyFile).Find(settings.Id) ?? throw new UsageException($"--key-file: {file} has no key for '{settings.Id}'.");
    }

    private async Task<int> RunAsync(IotLinkClient link, int maxLineBytes, CancellationToken over)
    {
        using var refused = new CancellationTokenSource();
        var answered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var broken = CancellationTokenSource.CreateLinkedTokenSource(refused.Token, session.Output.Closed);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(session.Stop, broken.Token);
        var wasUp = false;
        var unproven = 0;

        var input = ledger.Open(MaxOnTheirWay);
        var echo = settings.Echo ? LinkReport.Echo(link, ledger.Open(LinkReport.MaxEchoes), settings.Delivery, over) : null;
        using var report = LinkReport.Start(link, session.Output, echo, notice =>
        {
            if (notice.Kind == LinkNoticeKind.PeerNotProven && ++unproven < UnprovenAttempts && !wasUp)
                return true;
            if (notice.Kind is LinkNoticeKind.ConnectFailed or LinkNoticeKind.PeerNotProven)
                answered.TrySetResult();
            // A device tries on, since its server may be mended; whoever typed a wrong key wants to know soon. Once it was up, the key is right.
            if (notice.Kind != LinkNoticeKind.PeerNotProven || wasUp)
                return false;
            if (!refused.IsCancellationRequested)
                session.Output.Refused(link.Id, "the server did not prove that it has this device's key: it has another one, or none, or is an impostor");
            refused.Cancel();
            return true;
        }, state =>
        {
            Tell(link.Id, state);
            wasUp |= state.IsUp;
            if (state.IsUp || state.IsFinal)
                answered.TrySetResult();
            if (state.IsFinal)
                refused.Cancel();
        });

        var pump = session.ReadsJson
            ? new InputPump(session.Input, JsonInput.MaxBytes(maxLineBytes), input, session.Output)
            : new InputPump(session.Input, maxLineBytes, input, session.Output, emptyIsLine: settings.Protocol != 1);
        await pump.RunAsync(text => Send(link, input, text, maxLineBytes), stop.Token).ConfigureAwait(false);
        if (settings.UntilStored && !settings.Stay)
            return await EndStoredAsync(pump, broken.Token).ConfigureAwait(false);
        if (settings.Stay)
            await stop.Token.WhenCancelledAsync().ConfigureAwait(false);
        else
            await WaitForAnswerAsync(answered.Task, stop.Token).ConfigureAwait(false);

        var since = session.Stop.IsCancellationRequested ? "Ctrl-C" : "the end of the input";
        var (left, inVain) = await Ending.DrainAsync(session, ledger, settings.Drain, since, broken.Token).ConfigureAwait(false);
        if (settings.Store is not null)
            left += await DrainStoreAsync(link, broken.Token).ConfigureAwait(false);
        // A write that the refusal ended is known before the refusal is: that is said first.
        if (left > 0 && await IsFinalAsync(link).ConfigureAwait(false))
            await refused.Token.WhenCancelledAsync().ConfigureAwait(false);
        var done = settings.Delivery == Delivery.ExactlyOnce ? "acknowledged" : "sent";
        if (settings.Store is not null)
            done += $" yet: what is stored is kept in the file of --store, and delivered by the next command with it";
        return Ending.Tell(session.Output, left + pump.Unsent, done + inVain, pump.Failed || refused.IsCancellationRequested);
    }

    /// <summary>Leaves when all is stored.</summary>
    private async Task<int> EndStoredAsync(InputPump pump, CancellationToken broken)
    {
        var (left, inVain) = await Ending.DrainAsync(session, ledger, settings.Drain, "the end of the input", broken).ConfigureAwait(false);
        return Ending.Tell(session.Output, left + pump.Unsent, "stored" + inVain, pump.Failed);
    }

    /// <summary>
    /// Waits until the server has accepted all that is stored, or no line was accepted for as long as --drain says. Gives how
    /// many lines are left.
    /// </summary>
    private async Task<int> DrainStoreAsync(IotLinkClient link, CancellationToken broken)
    {
        var stuck = Observable.Interval(BetweenLooks, session.Scheduler)
            .Select(_ => link.Counters.Outbox)
            .DistinctUntilChanged()
            .Throttle(settings.Drain, session.Scheduler);
        try
        {
            await link.DrainAsync(broken).ToObservable().TakeUntil(stuck).DefaultIfEmpty().ToTask(CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // How many are left is what matters.
        }

        return link.Counters.Outbox;
    }

    private static async Task<bool> IsFinalAsync(IotLinkClient link) => await link.State.Select(state => state.IsFinal).Catch(Observable.Return(true)).FirstOrDefaultAsync();

    /// <summary>Says a state. Whoever gave no key is told how to give one.</summary>
    private void Tell(string id, LinkState state)
    {
        var wantsKey = settings.KeyFile is null && state.Outage?.Detail.StartsWith(WantsProof, StringComparison.Ordinal) == true;
        session.Output.State(id, state, wantsKey ? $"the server wants a key, and this device gave none: give it with --key-file ({state.Outage?.Detail})" : null);
    }

    /// <summary>Without a line to deliver it would leave before it has heard of the server at all: whether it is let in is asked for, too.</summary>
    private async Task WaitForAnswerAsync(Task answer, CancellationToken stop) => await Task.WhenAny(answer, stop.WhenCancelledAsync())
        .ToObservable()
        .TakeUntil(Observable.Timer(settings.Drain, session.Scheduler))
        .DefaultIfEmpty()
        .ToTask(CancellationToken.None)
        .ConfigureAwait(false);

    private string? Send(IotLinkClient link, Outgoing input, string text, int maxLineBytes)
    {
        var (line, fault) = session.ReadsJson
            ? JsonInput.Parse(text, maxLineBytes, emptyIsLine: settings.Protocol != 1, settings.Id)
            : (new AddressedLine(settings.Id, text), null);
        if (line is not null)
            _ = input.FollowAsync(settings.Store is null ? link.WriteAsync(line.Text, settings.Delivery, cancellationToken: CancellationToken.None) : link.WriteAsync(line.Text, Stored));
        return fault;
    }
}
