using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Net;
using System.Text;
using Rx.IotLink.PostgreSql;
using Rx.IotLink.Server;

namespace Rx.IotLink.Cli;

/// <summary>
/// The options: their names, units, defaults and rules. Each fault is one sentence that names the option, its limits
/// and the given value.
/// </summary>
internal static class Options
{
    /// <summary>The longest time to live: 3,650 days.</summary>
    public const int MostSeconds = 3_650 * 24 * 60 * 60;

    /// <summary>The longest key of a line.</summary>
    public const int MaxKeyBytes = 128;

    public static Option<bool> Json { get; } = new("--json")
    {
        Description = "Read and print JSON lines, on all three streams (see the fields in 'iotlink help').",
    };

    public static Argument<HostAndPort> Server() => new("HOST[:PORT]")
    {
        Description = $"The server: a host name or address, and its TCP port (default {HostAndPort.DefaultPort}). An IPv6 address with a port is written [::1]:8123.",
        CustomParser = result => ServerOf(result, "The server"),
    };

    public static Argument<HostAndPort?> ServerUnlessSerial() => new("HOST[:PORT]")
    {
        Arity = ArgumentArity.ZeroOrOne,
        Description = $"The server: a host name or address, and its TCP port (default {HostAndPort.DefaultPort}). An IPv6 address with a port is written [::1]:8123. Not with --serial, which has --to.",
        CustomParser = result => ServerOf(result, "The server"),
    };

    public static Option<HostAndPort?> To(string description) => new("--to")
    {
        HelpName = "HOST[:PORT]",
        Description = description,
        CustomParser = result => ServerOf(result, "--to"),
    };

    public static Option<string?> Serial(bool required, string description) => new("--serial")
    {
        HelpName = "PORT",
        Required = required,
        Description = description,
        CustomParser = result => Token(result).Length > 0 ? Token(result) : Fail<string>(result, "--serial must name a port, as /dev/ttyUSB0 or COM3."),
    };

    public static Option<int> BaudRate() => Number("--baud", "RATE", 115_200, 300, 10_000_000, "Bits a second on the serial line (300 to 10000000); the same at both ends.");

    public static Option<string> Id() => new("--id")
    {
        HelpName = "ID",
        Required = true,
        Description = $"This device's name, unique among the server's devices: 1 to {DeviceId.MaxBytes} bytes of UTF-8, no control characters.",
        CustomParser = result => Checked(result, Token(result)),
    };

    public static Option<string[]> Expect() => new("--expect")
    {
        HelpName = "ID",
        Description = "A device that is expected; may be given many times. Others are served too, and reported as not expected. Default: none in particular.",
        DefaultValueFactory = _ => [],
        CustomParser = result => [.. result.Tokens.Select(token => Checked(result, token.Value))],
    };

    public static Option<int> ListenPort() =>
        Number("--port", "PORT", HostAndPort.DefaultPort, 0, 65_535, "The TCP port to listen on; 0 lets the system choose, and 'listening on' shows which.");

    public static Option<IPAddress> Bind() => new("--bind")
    {
        HelpName = "ADDR",
        Description = "The address to listen on. The default is every IPv4 and IPv6 address of this machine.",
        DefaultValueFactory = _ => IPAddress.IPv6Any,
        CustomParser = result => IPAddress.TryParse(Token(result), out var address) ? address : Fail<IPAddress>(result, $"--bind must be an IPv4 or IPv6 address, not '{Token(result)}'."),
    };

    public static Option<int> ClientTimeout() =>
        Number("--timeout", "MS", 2_000, 100, 3_600_000, "Silence in milliseconds (100 to 3600000) after which the link is down. With protocol 2 the server's counts once it has answered; with 1 both ends must be given the same.");

    public static Option<int> ServerTimeout() =>
        Number("--timeout", "MS", 2_000, 100, 3_600_000, "Silence in milliseconds (100 to 3600000) after which a link is down. Devices of protocol 2 get it from the server; those of protocol 1 must have the same.");

    public static Option<int> Drain(int seconds, string when) =>
        Number("--drain", "SECONDS", seconds, 0, 3_600, $"How long to wait {when} for lines to be acknowledged, in seconds (0 to 3600).");

    public static Option<bool> Echo() => new("--echo") { Description = "Write each received line back to its sender." };

    public static Option<bool> Stay() => new("--stay") { Description = "Keep running after the end of the input, until Ctrl-C." };

    public static Option<string?> ServerStore() => new("--store")
    {
        HelpName = "FILE",
        Description = "Keep what is written and accepted in this SQLite file, so that it outlives this process. One process uses a file at a time. Default: in memory alone.",
    };

    public static Option<string?> Postgres() => new("--postgres")
    {
        HelpName = "CONNECTION",
        Arity = ArgumentArity.ZeroOrOne,
        Description = $"Share a fleet with other servers: keep what is written and accepted in this PostgreSQL database ('Host=db;Database=fleet;Username=iotlink'). Without CONNECTION it comes from the environment variable {Sessions.Variable}, which no list of processes shows; a password may also come from PGPASSWORD or PGPASSFILE.",
    };

    public static Option<string?> Node() => new("--node")
    {
        HelpName = "NAME",
        Description = "With --postgres: the name of this server in the database (1 to 255 characters). Default: the name of the machine.",
    };

    public static Option<string?> Consumer() => new("--consumer")
    {
        HelpName = "NAME",
        Description = "With --postgres: servers of the same name print each received line once together (1 to 100 characters). Default: iotlink, with --mqtt mqtt, with --webhook webhook; with both, NAME-mqtt and NAME-webhook.",
    };

    public static Option<string> Schema() => new("--schema")
    {
        HelpName = "NAME",
        Description = "The schema of the tables. Default: iotlink.",
        DefaultValueFactory = _ => "iotlink",
        CustomParser = result => PostgreSqlSessionStoreOptions.IsSchema(Token(result))
            ? Token(result)
            : Fail<string>(result, "--schema must be 1 to 63 lower-case letters, digits and underscores, with no digit first."),
    };

    public static Option<string?> ClientStore() => new("--store")
    {
        HelpName = "FILE",
        Description = "Take standard input into this SQLite file and deliver it from there: what is left when the command ends, however that is, is delivered by the next one with this file. One process uses a file at a time. Default: in memory alone.",
    };

    public static Option<string> Until() => new("--until")
    {
        HelpName = "STEP",
        Description = "With --store: leave when all lines are 'accepted' by the server's application, or as soon as they are 'stored', server or not. Default: accepted.",
        DefaultValueFactory = _ => "accepted",
        CustomParser = result => Token(result) is "accepted" or "stored" ? Token(result) : Fail<string>(result, $"--until must be accepted or stored, not '{Token(result)}'."),
    };

    public static Option<int> TimeToLive() =>
        Number("--ttl", "SECONDS", 0, 0, MostSeconds, $"Drop a line that was not sent within so many seconds (to {MostSeconds}), and say so. Default: 0, no line is dropped.");

    public static Option<string?> LineKey() => new("--line-key")
    {
        HelpName = "KEY",
        Description = $"Of lines that wait only the last counts: each replaces the one before it that was not sent yet. The name under which it does so (1 to {MaxKeyBytes} bytes of UTF-8) counts for later commands with the same --store. No secret. Default: no line is replaced.",
        CustomParser = result => IsKey(Token(result)) ? Token(result) : Fail<string>(result, $"--line-key must have 1 to {MaxKeyBytes} bytes of UTF-8."),
    };

    /// <summary>Whether lines can have this key.</summary>
    public static bool IsKey(string key) => Encoding.UTF8.GetByteCount(key) is >= 1 and <= MaxKeyBytes;

    public static Option<bool> BestEffort() => new("--best-effort")
    {
        Description = "Send each line once and forget it: at most once, lost if an outage is on its way. Default: exactly once and in order.",
    };

    public static Option<string?> Protocol() =>
        OneOf<string?>(null, ["1", "2"], "The version of the wire protocol: 2, or 1 for a server of micropython-iot. Default: 2, and 1 from then on if the server turns out to be one of those (never with --key-file); say 1 to spare it the first attempt.");

    public static Option<string?> Protocols() =>
        OneOf<string?>(null, ["1", "2", "both"], "The version of the wire protocol that devices may speak: 2, 1 (that of micropython-iot) or both. Default: both; with --key-file 2.");

    public static Option<string?> ClientKeyFile() => new("--key-file")
    {
        HelpName = "FILE",
        Description = "Prove who this device is: a file of lines 'ID key', of which the one of --id is used, the last of two. The server must prove that it has the same key.",
    };

    public static Option<string?> ServerKeyFile() => new("--key-file")
    {
        HelpName = "FILE",
        Description = "Let only those devices in that prove who they are: a file of lines 'ID key', made by 'iotlink key new'; two of an ID while its key is replaced. Default: an open server, where anyone may be anyone.",
    };

    public static Option<bool> InsecureKeyFile() => new("--insecure-key-file")
    {
        Description = "Use the key file though its group or others may read or write it. Default: it is refused (not on Windows, which has other rights).",
    };

    public static Option<IPNetwork[]> ProxyFrom() => new("--proxy-from")
    {
        HelpName = "ADDRESS[/BITS]",
        Description = "The address of a load balancer, or a network of them, as 10.0.0.7 or 10.0.0.0/24. It must begin each connection with a PROXY header (version 1 or 2), which says whose connection it is; from elsewhere such a header is refused. May be given many times. Default: none.",
        DefaultValueFactory = _ => [],
        CustomParser = result => [.. result.Tokens.Select(token => ProxyNetwork.Fault(token.Value, out var network) is { } fault
            ? Fail<IPNetwork>(result, $"--proxy-from must be an address or a network, such as 10.0.0.7 or 10.0.0.0/24; '{token.Value}' {fault}.")
            : network)],
    };

    public static Option<bool> AnyId() => new("--any-id")
    {
        Description = "With --ca: let a certificate speak for any id. Default: only for an id that is its common name, a DNS name, a URI or the last part of a URI among its alternative names.",
    };

    public static Argument<string> IdOfNewKey() => new("ID")
    {
        Description = $"The device's name: 1 to {DeviceId.MaxBytes} bytes of UTF-8, no control characters, no # first, no blank first or last.",
        CustomParser = result => NewKeyCommand.Fault(Token(result)) is { } fault ? Fail<string>(result, $"The id '{Token(result)}' {fault}.")! : Token(result),
    };

    public static Option<int> Number(string name, string unit, int standard, int least, int most, string description) => new(name)
    {
        HelpName = unit,
        Description = description,
        DefaultValueFactory = _ => standard,
        CustomParser = result =>
            int.TryParse(Token(result), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
                ? number
                : Fail<int>(result, $"{name} must be a whole number from {least} to {most}, not '{Token(result)}'."),
    };

    private static Option<T> OneOf<T>(T standard, string[] values, string description)
        where T : class?
    {
        var option = new Option<T>("--protocol")
        {
            HelpName = "VERSION",
            Description = description,
            DefaultValueFactory = standard is null ? null : _ => standard,
            CustomParser = result => values.Contains(Token(result), StringComparer.Ordinal)
                ? (T)(object)Token(result)
                : Fail<T>(result, $"--protocol must be {string.Join(", ", values[..^1])} or {values[^1]}, not '{Token(result)}'.")!,
        };
        option.CompletionSources.Add(values);
        return option;
    }

    private static HostAndPort? ServerOf(ArgumentResult result, string name) =>
        result.Tokens.Count == 0 ? null : HostAndPort.Parse(Token(result)) is { Value: { } value } ? value : Fail<HostAndPort>(result, $"{name} '{Token(result)}' {HostAndPort.Parse(Token(result)).Fault}.");

    private static string Token(ArgumentResult result) => result.Tokens[0].Value;

    private static string Checked(ArgumentResult result, string id) => DeviceId.Fault(id) is { } fault ? Fail<string>(result, $"The id '{id}' {fault}.")! : id;

    private static T? Fail<T>(ArgumentResult result, string sentence)
    {
        result.AddError(sentence);
        return default;
    }
}
