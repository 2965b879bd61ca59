using System.Net;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Rx.IotLink.Mqtt;
using Rx.IotLink.PostgreSql;
using Rx.IotLink.Server;

namespace Rx.IotLink.Cli;

/// <summary>The options of <c>iotlink serve</c>.</summary>
internal sealed record ServeSettings(int Port, IPAddress Bind, IReadOnlyList<string> Expected, TimeSpan Timeout, bool Echo, TimeSpan Drain)
{
    /// <summary><c>1</c>, <c>2</c>, <c>both</c>, or null for the default.</summary>
    public required string? Protocol { get; init; }

    public required string? KeyFile { get; init; }

    /// <summary>Whether the key file may be one that others than its owner may read or write.</summary>
    public required bool InsecureKeyFile { get; init; }

    public required TlsFiles Tls { get; init; }

    public required IReadOnlyList<IPNetwork> Proxies { get; init; }

    /// <summary>Whether a client's certificate may speak for any id.</summary>
    public required bool AnyId { get; init; }

    /// <summary>The file of the session store, or null.</summary>
    public required string? Store { get; init; }

    /// <summary>
    /// How to connect to the database of the session store; empty: as the environment says; null: there is none.
    /// </summary>
    public required string? Postgres { get; init; }

    /// <summary>The name of this server in the database, or null: the machine's.</summary>
    public required string? Node { get; init; }

    /// <summary>
    /// The name under which servers share the received lines, or null: <c>iotlink</c>, <c>mqtt</c> or <c>webhook</c>.
    /// </summary>
    public required string? Consumer { get; init; }

    /// <summary>Whether sessions outlive the process.</summary>
    public bool IsKept => Store is not null || Postgres is not null;

    /// <summary>What a sentence calls the place where they are kept.</summary>
    public string StoreName => Postgres is null ? "the file of --store" : "the database of --postgres";

    /// <summary>How long a typed line may wait to be sent; null: for ever.</summary>
    public required TimeSpan? TimeToLive { get; init; }

    /// <summary>What typed lines are about, where only the last counts for each device; or null.</summary>
    public required string? LineKey { get; init; }

    /// <summary>Where the control endpoint listens, or null: there is none.</summary>
    public required IPEndPoint? Page { get; init; }

    /// <summary>The file of the token of the control endpoint, or null.</summary>
    public required string? TokenFile { get; init; }

    /// <summary>What was said of an MQTT broker.</summary>
    public required MqttOptions.MqttSettings Mqtt { get; init; }

    /// <summary>What was said of a webhook.</summary>
    public required WebhookOption.WebhookSettings Webhook { get; init; }

    /// <summary>Whether lines are printed when somebody else has them, and not as they come.</summary>
    public bool HandsOn => this is not { Mqtt.Address: null, Webhook.Address: null };

    /// <summary>Whether each line goes to a broker and to a receiver.</summary>
    public bool HandsOnTwice => this is { Mqtt.Address: not null, Webhook.Address: not null };

    /// <summary>Puts the limits that were given into the server's options.</summary>
    public required Func<IotLinkServerOptions, IotLinkServerOptions> Limits { get; init; }

    public bool Protocol1 => Protocol is "1" or "both" || (Protocol is null && KeyFile is null);

    public bool Protocol2 => Protocol is not "1";
}

/// <summary><c>iotlink serve</c>: the server's end of many links, between standard input and standard output.</summary>
internal sealed class ServeCommand(ServeSettings settings, CommandContext context)
{
    /// <summary>
    /// Lines of the input that wait, at most, for all devices together. Fewer than one link's outbox and waiting
    /// writes, so that a link never refuses one.
    /// </summary>
    public const int MaxWaiting = 4_096;

    private const string SinceStop = "Ctrl-C";
    private const string DefaultConsumer = "iotlink";

    private readonly WriteOptions write = new()
    {
        Until = settings.IsKept ? WrittenUntil.Stored : WrittenUntil.Accepted,
        TimeToLive = settings.TimeToLive,
        Key = settings.LineKey,
    };
    private readonly WriteOptions storeEcho = new() { Until = WrittenUntil.Stored };
    private static readonly TimeSpan BetweenOpenings = TimeSpan.FromSeconds(1);

    private readonly LineWindows windows = new();
    private readonly ServeEvents events = new(context.Output, context.Scheduler);

    public async Task<int> RunAsync()
    {
        if (settings is { AnyId: true, Tls.Ca: null })
            throw new UsageException("--any-id is of no use without --ca.");
        var mqtt = settings.Mqtt.Read();
        if (mqtt is not null && settings.Echo)
            throw new UsageException("--mqtt and --echo cannot both be given: an echo would accept lines that the broker does not have yet.");
        var webhook = settings.Webhook.Read();
        if (webhook is not null && settings.Echo)
            throw new UsageException("--webhook and --echo cannot both be given: an echo would accept lines that the receiver does not have yet.");
        if (settings.HandsOnTwice && settings.Postgres is null)
            throw new UsageException("--webhook and --mqtt cannot both be given without --postgres: who accepts a line first accepts it for both. The database of --postgres keeps each line until both have it.");
        var token = AccessToken.Read(settings.TokenFile, given: null);
        if (settings.Page is { } at && token is null && !IPAddress.IsLoopback(at.Address))
            throw new UsageException($"--page {at} can be reached from other machines, so it needs a token: give it with --token-file FILE or {AccessToken.Variable}.");
        var files = new ServerFiles(settings, context);
        using var reading = context.Hangups.ObserveOn(context.Scheduler).Subscribe(_ => files.ReadAgain());
        files.Read();
        var sessions = await Sessions.OpenAsync(settings, context).ConfigureAwait(false);
        await using var kept = sessions.ConfigureAwait(false);
        var options = settings.Limits(new IotLinkServerOptions
        {
            Port = settings.Port,
            Bind = settings.Bind,
            Expected = settings.Expected,
            TrustedProxies = settings.Proxies,
            Timeout = settings.Timeout,
            Protocol1 = settings.Protocol1,
            Protocol2 = settings.Protocol2,
            Keys = settings.KeyFile is null ? null : files,
            Tls = files.Tls,
            IsCertificateOf = settings.AnyId ? (_, _) => true : null,
            Scheduler = context.Scheduler,
            SessionStore = sessions.Store,
            StoredLines = StoreFile.MaxLines,
            StoredBytes = StoreFile.MaxBytes,
            // Draining is done here, where it is known what to wait for.
            DrainTimeout = TimeSpan.Zero,
        });

        IotLinkServer server;
        try
        {
            server = await IotLinkServer.StartAsync(options, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or ArgumentException)
        {
            context.Output.Error(e.Message);
            return ExitCode.Usage;
        }

        using var over = new CancellationTokenSource();
        int code;
        var page = await ControlPage.TryStartAsync(server, settings.Page, token, context.Output).ConfigureAwait(false);
        try
        {
            code = page is null && settings.Page is not null ? ExitCode.Usage : await RunAsync(server, options, files, mqtt, webhook, over.Token).ConfigureAwait(false);
        }
        finally
        {
            if (page is not null)
            {
                await page.StopAsync(CancellationToken.None).ConfigureAwait(false);
                await page.DisposeAsync().ConfigureAwait(false);
            }
        }

        await server.DisposeAsync().ConfigureAwait(false);
        events.Close();
        // Not before the links are closed: an observer that is let go acknowledges its line, the echo of which was not
        // sent.
        await over.CancelAsync().ConfigureAwait(false);
        return code;
    }

    private async Task<int> RunAsync(IotLinkServer server, IotLinkServerOptions options, ServerFiles files, MqttGatewayOptions? mqtt, WebhookOptions? webhook, CancellationToken over)
    {
        if (webhook is not null)
        {
            // A line of a server with both is printed when the broker has it.
            var posting = Webhook.Start(server, webhook with { Consumer = ConsumerOr("webhook"), Scheduler = context.Scheduler, Posted = mqtt is null ? context.Output.Line : null });
            await using var posted = posting.ConfigureAwait(false);
            using var failed = posting.Notices.Subscribe(context.Output.Webhook);
            return await RunAsync(server, options, files, mqtt, webhook: null, over).ConfigureAwait(false);
        }

        if (mqtt is null)
            return await RunAsync(server, options, files, over).ConfigureAwait(false);
        // A line is printed when the broker has it: whoever else observed lines would accept them for both.
        var gateway = MqttGateway.Start(server, mqtt with { Consumer = ConsumerOr("mqtt"), Scheduler = context.Scheduler, Published = context.Output.Line });
        await using var ended = gateway.ConfigureAwait(false);
        using var said = gateway.Notices.Subscribe(context.Output.Mqtt);
        return await RunAsync(server, options, files, over).ConfigureAwait(false);
    }

    private async Task<int> RunAsync(IotLinkServer server, IotLinkServerOptions options, ServerFiles files, CancellationToken over)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.Stop, context.Output.Closed);
        using var manager = new ServiceManager(context.Output, context.Scheduler);
        context.Output.Listening(server.EndPoint.ToString());
        manager.Ready();

        var input = windows.Open(MaxWaiting);
        using var reports = new CompositeDisposable();
        reports.Add(server.Changes.Where(change => change.Kind == LinkChangeKind.Refused)
            .Subscribe(events.Refused));
        reports.Add(server.Links.Subscribe(link => Report(link, server, reports, over)));
        var fleet = (options.SessionStore as PostgreSqlSessionStore)?.Fleet;
        if (fleet is not null && !settings.HandsOn)
            reports.Add(Print(fleet, over));

        // The end of the input does not end the command, so it is waited for only when something else does.
        var queues = new DeviceQueues((id, ended) => OpenAsync(id, fleet, server, files, ended), isSerial: fleet is not null, input, over);
        var maxBytes = context.ReadsJson ? JsonInput.MaxBytes(options.MaxLineBytes) : AddressedLine.MaxBytes(options.MaxLineBytes);
        var pump = new InputPump(context.Input, maxBytes, input, context.Output);
        await pump.RunAsync(text => Send(queues, text, options.MaxLineBytes), stop.Token).ConfigureAwait(false);
        await stop.Token.WhenCancelledAsync().ConfigureAwait(false);
        manager.Stopping();

        int Stored() => !settings.IsKept ? 0 : server.GetConnections().Sum(device => device.Counters.Outbox);
        var until = context.Scheduler.Now + settings.Drain;
        var (left, inVain) = await ExitReport.DrainAsync(context, windows, settings.Drain, SinceStop, context.Output.Closed, Stored).ConfigureAwait(false);
        if (settings.IsKept)
            inVain = await DrainStoredAsync(server, until).ConfigureAwait(false) ?? inVain;
        var kept = !settings.IsKept ? "" : $"; what is for devices that it knows is in {settings.StoreName}, and the next command with it delivers that";
        return ExitReport.Tell(context.Output, left + Stored() + pump.Unsent, "acknowledged" + inVain + kept, pump.Failed);
    }

    /// <summary>
    /// Who takes the lines of the fleet; null: there is none that servers share. A broker and a receiver at one server
    /// have a cursor each, so each gets every line.
    /// </summary>
    private string? ConsumerOr(string name) => settings switch
    {
        { Postgres: null } => null,
        { Consumer: null } => name,
        { HandsOnTwice: true } => $"{settings.Consumer}-{name}",
        _ => settings.Consumer,
    };

    /// <summary>Prints the lines of the fleet that fall to this server, and writes them back with --echo.</summary>
    private IDisposable Print(PostgreSqlFleet fleet, CancellationToken over)
    {
        var echoes = settings.Echo ? windows.Open(LinkReport.MaxEchoes) : null;
        return fleet.Lines(settings.Consumer ?? DefaultConsumer).Subscribe(line =>
        {
            context.Output.Line(line);
            if (echoes is null)
                return;
            echoes.Reserve(over);
            _ = echoes.FollowAsync(StoreAsync(fleet, line.DeviceId, line.Text, storeEcho, over));
        });
    }

    /// <summary>What writes to a device: wherever it is, if there are several servers.</summary>
    private async Task<DeviceWriter> OpenAsync(string id, PostgreSqlFleet? fleet, IotLinkServer server, ServerFiles files, CancellationToken over)
    {
        if (fleet is not null)
            return new(line => StoreAsync(fleet, id, line.Text, line.Options(write), over), () => true);
        var link = await LinkOfAsync(id, server, files, over).ConfigureAwait(false);
        return new(line => WriteAsync(link, line), () => ReferenceEquals(server.Find(id), link));
    }

    /// <summary>Writes a line into the outbox of the fleet, as soon as that works.</summary>
    private async Task StoreAsync(PostgreSqlFleet fleet, string id, string line, WriteOptions options, CancellationToken over)
    {
        for (var hasFailed = false; ; hasFailed = true)
        {
            try
            {
                await fleet.WriteAsync(id, line, options, over).ConfigureAwait(false);
                return;
            }
            catch (Exception e) when (e is SessionStoreException or OutboxFullException)
            {
                if (!hasFailed)
                    context.Output.Waiting(id, $"lines for it wait, and are not stored yet: {e.Message}");
                await Observable.Timer(BetweenOpenings, context.Scheduler).ToTask(over).ConfigureAwait(false);
            }
        }
    }

    /// <summary>With a store a line's place is free when it is kept: a device that is away holds up nobody.</summary>
    private Task WriteAsync(ILink link, AddressedLine line) => link.WriteAsync(line.Text, line.Options(write), CancellationToken.None);

    /// <summary>
    /// Waits until the devices have accepted all stored lines; gives how long it waited in vain, or null.
    /// </summary>
    private async Task<string?> DrainStoredAsync(IotLinkServer server, DateTimeOffset until)
    {
        try
        {
            var drained = await Task.WhenAll(server.GetConnections().Select(device => device.Link.DrainAsync(context.Output.Closed)))
                .ToObservable()
                .Select(_ => true)
                .TakeUntil(Observable.Timer(until, context.Scheduler))
                .DefaultIfEmpty()
                .ToTask(CancellationToken.None)
                .ConfigureAwait(false);
            return drained ? null : ExitReport.InVain(settings.Drain, SinceStop);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // How many are left is what matters.
            return null;
        }
    }

    private string? Send(DeviceQueues queues, string text, int maxLineBytes)
    {
        var (line, fault) = context.ReadsJson
            ? JsonInput.Parse(text, maxLineBytes, emptyIsLine: !settings.Protocol1)
            : AddressedLine.Parse(text, maxLineBytes, emptyIsLine: !settings.Protocol1);
        if (line is not null)
            queues.Post(line);
        return fault;
    }

    /// <summary>
    /// The link of a device as soon as it has connected. With a store at once, if the device is known: what is typed
    /// for it is to be kept.
    /// </summary>
    private async Task<ILink> LinkOfAsync(string id, IotLinkServer server, ServerFiles files, CancellationToken over)
    {
        var hasFailed = false;
        while (settings.IsKept)
        {
            try
            {
                return await server.OpenAsync(id, over).ConfigureAwait(false);
            }
            catch (Exception e) when (e is UnknownDeviceException or ArgumentException)
            {
                break;
            }
            catch (SessionStoreException e)
            {
                if (!hasFailed)
                    context.Output.Waiting(id, $"lines for it wait, and are not stored yet: {e.Message}");
                hasFailed = true;
                await Observable.Timer(BetweenOpenings, context.Scheduler).ToTask(over).ConfigureAwait(false);
            }
        }

        TellIfUnknown(id, server, files);
        return await server.WaitForAsync(id, over).ConfigureAwait(false);
    }

    /// <summary>A line for a device that is known of waits as it should; a wrong id would wait for ever.</summary>
    private void TellIfUnknown(string id, IotLinkServer server, ServerFiles files)
    {
        if (server.Find(id) is not null || settings.Expected.Contains(id, StringComparer.Ordinal) || files.KeysOf(id).Count > 0)
            return;
        var hope = settings.KeyFile is null || settings.Protocol1 ? "no device of this id has connected yet" : "the key file has no key for this id, so no device of it can connect";
        context.Output.Waiting(id, $"{hope}; lines for it wait{(!settings.IsKept ? "" : ", and are not stored")}");
    }

    /// <summary>Reports of a link until it ends: of one that is forgotten nothing is kept here either.</summary>
    private void Report(ILink link, IotLinkServer server, CompositeDisposable reports, CancellationToken over)
    {
        var unexpected = settings.Expected.Count > 0 && !settings.Expected.Contains(link.Id, StringComparer.Ordinal);
        void Joined() => events.Joined(server.SubjectOf(link), unexpected ? "it is not among the expected devices" : "");
        var hasJoined = server.HasCome(link);
        if (hasJoined)
            Joined();
        var echoes = settings is { Echo: true, Postgres: null } ? windows.Open(LinkReport.MaxEchoes) : null;
        var echo = echoes is null ? null : LinkReport.Echo(link, echoes, Delivery.ExactlyOnce, over);
        var report = LinkReport.Start(
            link, settings is { HandsOn: false, Postgres: null } ? context.Output.Line : null, context.Output, echo, notice => events.Hushes(server.SubjectOf(link), notice), State);
        reports.Add(report);
        link.State.IgnoreElements().Finally(End).Subscribe(_ => { }, _ => { });

        // One that was opened for a line of the input joins when it connects.
        void State(LinkState state)
        {
            if (state.IsUp && !hasJoined)
                Joined();
            hasJoined |= state.IsUp;
            events.State(server.SubjectOf(link), state);
        }

        void End()
        {
            reports.Remove(report);
            if (echoes is not null)
                windows.Close(echoes);
        }
    }
}
