using System.CommandLine;
using Rx.IotLink.Server;

namespace Rx.IotLink.Cli;

/// <summary>
/// The limits of <c>iotlink serve</c>. Each is the library's option with the same name.
/// </summary>
internal sealed class LimitOptions
{
    private const int Most = 10_000_000;

    private static readonly IotLinkServerOptions Standard = new();

    private readonly Option<int> connections = Options.Number("--max-connections", "N", Standard.MaxConnections, 1, Most, "Connections at a time (1 to 10000000). A device that is expected or has a key takes the place of one that is unknown.");

    private readonly Option<int> openings = Options.Number("--max-openings", "N", Standard.MaxOpenings, 1, Most, "Connections at a time that have not said their id yet (1 to 10000000). When there are more, the oldest of the busiest address is ended.");

    private readonly Option<int> unknown = Options.Number("--max-unknown", "N", Standard.MaxUnknownIds, 0, Most, "Devices at a time that are neither expected nor have a key (0 to 10000000). When there are more, those that were up for the shortest time are forgotten.");

    private readonly Option<int> buffered = Options.Number("--max-buffered-mb", "N", 0, 0, 1 << 20, "MB that the lines of all devices which wait here may take together, before those with most are slowed; 0 for a quarter of the memory, at least 8 and at most 4096.");

    private readonly Option<int> rate = Options.Number("--max-rate-per-address", "N", Standard.MaxOpeningRatePerAddress ?? 0, 0, 1_000_000, "Connections a second from one address, or IPv6 /64 network, that are not of expected devices or ones with keys; 0 for no limit.");

    private readonly Option<int> openingsOfOne = PerAddress("openings", "Connections at a time from one address, or IPv6 /64 network, that have not said their id yet; 0 for no limit of its own.");

    private readonly Option<int> connectionsOfOne = PerAddress("connections", "Connections at a time of unknown devices from one address, or IPv6 /64 network; 0 for no limit of its own.");

    private readonly Option<int> unknownOfOne = PerAddress("unknown", "Unknown devices that one address, or IPv6 /64 network, has made; 0 for no limit of its own.");

    private readonly Option<bool> refuse = new("--refuse-unknown") { Description = "Refuse devices that are neither expected nor have a key." };

    private readonly Option<string?> pattern = new("--id-pattern") { HelpName = "REGEX", Description = "The form of ids, a regular expression for all of an id. Default: ASCII letters, digits, blanks and ._:@+#-, the first a letter or digit, the last no blank or dot. Expected ids and those of the key file have any form." };

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { pattern, refuse, connections, openings, unknown, buffered, rate, openingsOfOne, connectionsOfOne, unknownOfOne })
            command.Add(option);
    }

    /// <summary>The server's options with what was given.</summary>
    public Func<IotLinkServerOptions, IotLinkServerOptions> Of(ParseResult parsed) => options => options with
    {
        IdPattern = parsed.GetValue(pattern),
        UnknownIds = parsed.GetValue(refuse) ? UnknownIdPolicy.Refuse : UnknownIdPolicy.Accept,
        MaxConnections = parsed.GetValue(connections),
        MaxOpenings = parsed.GetValue(openings),
        MaxUnknownIds = parsed.GetValue(unknown),
        MaxBufferedBytes = (long?)Limit(parsed.GetValue(buffered)) << 20,
        MaxOpeningRatePerAddress = Limit(parsed.GetValue(rate)),
        MaxOpeningsPerAddress = Limit(parsed.GetValue(openingsOfOne)),
        MaxConnectionsPerAddress = Limit(parsed.GetValue(connectionsOfOne)),
        MaxUnknownIdsPerAddress = Limit(parsed.GetValue(unknownOfOne)),
    };

    private static Option<int> PerAddress(string what, string description) => Options.Number($"--max-{what}-per-address", "N", 0, 0, Most, description);

    private static int? Limit(int given) => given == 0 ? null : given;
}
