using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Reactive.Concurrency;
using Rx.IotLink.PostgreSql;

namespace Rx.IotLink.Cli;

/// <summary>Runs a command from its arguments.</summary>
internal static class CommandLine
{
    // No response files: an id may begin with '@'.
    private static readonly ParserConfiguration Parsing = new() { EnablePosixBundling = false, ResponseFileTokenReplacer = null };

    /// <summary>Runs the command of the arguments, and returns the exit code.</summary>
    public static Task<int> RunAsync(string[] args, StandardStreams streams, EventQueue events, IScheduler scheduler, StopSignals signals)
    {
        // Parsed here by hand, since an error in the other options must be reported in the requested form.
        var json = args.Contains(Options.Json.Name, StringComparer.Ordinal);
        var (lines, linesLook, eventsLook) = (streams.Output ?? TextWriter.Null, Look.Of(streams.OutputIsTerminal), Look.Of(streams.ErrorIsTerminal));
        CommandContext ContextOf(bool withIds)
        {
            Output output = json ? new JsonOutput(lines, events, scheduler, linesLook, eventsLook) : new TextOutput(lines, events, withIds, linesLook, eventsLook);
            events.Missing = output.Missing;
            return new(streams.Input, json, output, scheduler, signals.Hangups, signals.Token);
        }

        if (streams.Output is null)
        {
            ContextOf(withIds: false).Output.Error("there is no standard output, where received lines go: nothing was started.");
            return Task.FromResult(ExitCode.Usage);
        }

        var parsed = Root(
            settings => StartAsync(ContextOf(withIds: true), context => new ServeCommand(settings, context).RunAsync()),
            settings => StartAsync(ContextOf(withIds: false), context => new ConnectCommand(settings, context).RunAsync()),
            settings => StartAsync(ContextOf(withIds: false), context => new BridgeCommand(settings, context).RunAsync()),
            id => NewKeyCommand.RunAsync(id, lines, ContextOf(withIds: false).Output),
            settings => StartAsync(ContextOf(withIds: false), context => new BenchCommand(settings, lines, context).RunAsync()),
            settings => new RemoteCommand(settings, lines, linesLook, ContextOf(withIds: false).Output, signals.Token),
            lines).Parse(args, Parsing);
        // The help of a command has its subcommands in one line each; their own help has the rest.
        foreach (var command in parsed.CommandResult.Command.Subcommands)
            command.Description = command.Description?.Split('\n', 2)[0].TrimEnd('\r');
        if (parsed.Action is not ParseErrorAction)
            return parsed.InvokeAsync(new() { Output = lines, Error = streams.Error, EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null }, signals.Token);

        // An unknown word is a better message than the options that are missing because of it.
        var fault = parsed.UnmatchedTokens is [var word, ..] ? $"'{word}' is not a command, option or argument here.{Meant(word, parsed.CommandResult.Command)}" : parsed.Errors[0].Message;
        ContextOf(withIds: false).Output.Error($"{fault} See '{PathOf(parsed.CommandResult)} --help'.");
        return Task.FromResult(ExitCode.Usage);
    }

    private static string PathOf(SymbolResult command) => command.Parent is CommandResult parent ? $"{PathOf(parent)} {((CommandResult)command).Command.Name}" : "iotlink";

    private static string Meant(string word, Command command) => NearestWord.To(word, command) is { } nearest ? $" Did you mean '{nearest}'?" : "";

    private static async Task<int> StartAsync(CommandContext context, Func<CommandContext, Task<int>> run)
    {
        try
        {
            return await run(context).ConfigureAwait(false);
        }
        catch (UsageException e)
        {
            context.Output.Error(e.Message);
            return ExitCode.Usage;
        }
    }

    private static RootCommand Root(
        Func<ServeSettings, Task<int>> serve, Func<ConnectSettings, Task<int>> connect, Func<BridgeSettings, Task<int>> bridge, Func<string, Task<int>> newKey, Func<BenchSettings, Task<int>> bench, Func<RemoteSettings, RemoteCommand> remote,
        TextWriter lines)
    {
        var root = new RootCommand(HelpTexts.Root) { Serve(serve), Connect(connect), Bridge(bridge), Key(newKey), Bench(bench), PostgresSql(lines) };
        foreach (var command in RemoteCommands.All(remote))
            root.Add(command);
        root.Add(Help(lines));
        return root;
    }

    private static Command Serve(Func<ServeSettings, Task<int>> run)
    {
        var (port, bind, proxies, expected, protocols) = (Options.ListenPort(), Options.Bind(), Options.ProxyFrom(), Options.Expect(), Options.Protocols());
        var (timeout, echo, drain) = (Options.ServerTimeout(), Options.Echo(), Options.Drain(5, "after Ctrl-C"));
        var (keyFile, insecure, tls, anyId) = (Options.ServerKeyFile(), Options.InsecureKeyFile(), TlsOptions.OfServer(), Options.AnyId());
        var (limits, store, postgres, node, consumer) = (new LimitOptions(), Options.ServerStore(), Options.Postgres(), Options.Node(), Options.Consumer());
        var (page, tokenFile) = (RemoteOptions.Page(), RemoteOptions.TokenFile("without which --page refuses a request"));
        var (lineTtl, key, mqtt, webhook) = (Options.TimeToLive(), Options.LineKey(), new MqttOptions(), new WebhookOption());
        var command = new Command("serve", HelpTexts.Serve)
        {
            port, bind, proxies, expected, timeout, protocols, keyFile, insecure, store, postgres, node, consumer, lineTtl, key, page, tokenFile,
        };
        mqtt.AddTo(command);
        webhook.AddTo(command);
        tls.AddTo(command);
        limits.AddTo(command);
        foreach (var option in new Option[] { anyId, echo, drain, Options.Json })
            command.Add(option);
        command.SetAction((parsed, _) => run(new(
            parsed.GetValue(port),
            parsed.GetValue(bind)!,
            parsed.GetValue(expected)!,
            TimeSpan.FromMilliseconds(parsed.GetValue(timeout)),
            parsed.GetValue(echo),
            TimeSpan.FromSeconds(parsed.GetValue(drain)))
        {
            Protocol = parsed.GetValue(protocols),
            KeyFile = parsed.GetValue(keyFile),
            InsecureKeyFile = parsed.GetValue(insecure),
            Tls = tls.Of(parsed),
            AnyId = parsed.GetValue(anyId),
            Limits = limits.Of(parsed),
            Proxies = parsed.GetValue(proxies)!,
            Store = parsed.GetValue(store),
            TimeToLive = parsed.GetValue(lineTtl) is > 0 and var seconds ? TimeSpan.FromSeconds(seconds) : null,
            LineKey = parsed.GetValue(key),
            Postgres = parsed.GetResult(postgres) is null ? null : parsed.GetValue(postgres) ?? "",
            Node = parsed.GetValue(node),
            Consumer = parsed.GetValue(consumer),
            Page = parsed.GetValue(page),
            TokenFile = parsed.GetValue(tokenFile),
            Mqtt = mqtt.Of(parsed),
            Webhook = webhook.Of(parsed),
        }));
        return command;
    }

    private static Command Help(TextWriter lines)
    {
        var command = new Command("help", "Say what the streams hold, what exit codes mean, and how a shell completes words.");
        command.SetAction(async (_, _) =>
        {
            await lines.WriteAsync(HelpTexts.Streams + "\n").ConfigureAwait(false);
            return ExitCode.Delivered;
        });
        return command;
    }

    private static Command PostgresSql(TextWriter lines)
    {
        var schema = Options.Schema();
        var command = new Command("postgres-sql", HelpTexts.PostgresSql) { schema };
        command.SetAction(async (parsed, _) =>
        {
            await lines.WriteAsync(PostgreSqlSessionStore.SchemaSql(parsed.GetValue(schema)!)).ConfigureAwait(false);
            return ExitCode.Delivered;
        });
        return command;
    }

    private static Command Connect(Func<ConnectSettings, Task<int>> run)
    {
        var (server, id, protocol) = (Options.ServerUnlessSerial(), Options.Id(), Options.Protocol());
        var (timeout, echo, drain) = (Options.ClientTimeout(), Options.Echo(), Options.Drain(30, "after the end of the input or Ctrl-C"));
        var (bestEffort, stay) = (Options.BestEffort(), Options.Stay());
        var (store, until) = (Options.ClientStore(), Options.Until());
        var (ttl, lineKey) = (Options.TimeToLive(), Options.LineKey());
        var (keyFile, insecure, tls) = (Options.ClientKeyFile(), Options.InsecureKeyFile(), TlsOptions.OfClient());
        var serial = Options.Serial(required: false, "Reach the server through a bridge on this serial port ('iotlink bridge', or a chip): /dev/ttyUSB0 or COM3. Default: over this machine's network.");
        var (baud, to) = (Options.BaudRate(), Options.To($"With --serial: the server, which the bridge looks up and connects to (default port {HostAndPort.DefaultPort}). Default: the server that the bridge names itself."));
        var command = new Command("connect", HelpTexts.Connect) { server, id, serial, baud, to, timeout, protocol, keyFile, insecure, store, until };
        tls.AddTo(command);
        foreach (var option in new Option[] { echo, bestEffort, ttl, lineKey, stay, drain, Options.Json })
            command.Add(option);
        command.SetAction((parsed, _) => run(new(
            parsed.GetValue(server),
            parsed.GetValue(id)!,
            TimeSpan.FromMilliseconds(parsed.GetValue(timeout)),
            parsed.GetValue(bestEffort) ? Delivery.BestEffort : Delivery.ExactlyOnce,
            parsed.GetValue(echo),
            parsed.GetValue(stay),
            TimeSpan.FromSeconds(parsed.GetValue(drain)))
        {
            Protocol = parsed.GetValue(protocol) is { } version ? version == "1" ? 1 : 2 : null,
            KeyFile = parsed.GetValue(keyFile),
            InsecureKeyFile = parsed.GetValue(insecure),
            Tls = tls.Of(parsed),
            Store = parsed.GetValue(store),
            UntilStored = parsed.GetValue(until) == "stored",
            TimeToLive = parsed.GetValue(ttl) is > 0 and var seconds ? TimeSpan.FromSeconds(seconds) : null,
            LineKey = parsed.GetValue(lineKey),
            Serial = parsed.GetValue(serial),
            BaudRate = parsed.GetValue(baud),
            To = parsed.GetValue(to),
        }));
        return command;
    }

    private static Command Bench(Func<BenchSettings, Task<int>> run)
    {
        var server = Options.Server();
        var devices = Options.Number("--devices", "N", 10, 1, 10_000, "How many devices write: bench-1, bench-2 and so on (1 to 10000).");
        var inFlight = Options.Number("--in-flight", "N", 16, 1, 1_000, "How many lines of each device are on their way at a time (1 to 1000).");
        var bytes = Options.Number("--bytes", "N", 64, 1, 4_000, "How long a line is, in bytes (1 to 4000).");
        var seconds = Options.Number("--seconds", "N", 10, 1, 86_400, "How long they write, in seconds (1 to 86400).");
        var command = new Command("bench", HelpTexts.Bench) { server, devices, inFlight, bytes, seconds, Options.Json };
        command.SetAction((parsed, _) => run(new(
            parsed.GetValue(server)!, parsed.GetValue(devices), parsed.GetValue(inFlight), parsed.GetValue(bytes), TimeSpan.FromSeconds(parsed.GetValue(seconds)), parsed.GetValue(Options.Json))));
        return command;
    }

    private static Command Bridge(Func<BridgeSettings, Task<int>> run)
    {
        var (serial, baud) = (Options.Serial(required: true, "The serial port to the host: /dev/ttyUSB0 or COM3."), Options.BaudRate());
        var to = Options.To($"Connect to this server, whatever the host says (default port {HostAndPort.DefaultPort}). Default: where the host asks for.");
        var command = new Command("bridge", HelpTexts.Bridge) { serial, baud, to, Options.Json };
        command.SetAction((parsed, _) => run(new(parsed.GetValue(serial)!, parsed.GetValue(baud), parsed.GetValue(to))));
        return command;
    }

    private static Command Key(Func<string, Task<int>> run)
    {
        var id = Options.IdOfNewKey();
        var make = new Command("new", HelpTexts.NewKey) { id };
        make.SetAction((parsed, _) => run(parsed.GetValue(id)!));
        return new Command("key", HelpTexts.Key) { make };
    }
}
