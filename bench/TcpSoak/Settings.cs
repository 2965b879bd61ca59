using System.CommandLine;
using TcpSoak.Ends;

namespace TcpSoak;

/// <summary>What the command line asks for.</summary>
internal sealed class Settings
{
    private readonly Option<int> _links = Whole("--links", "Devices, each behind its own proxy", 1, 1_000, 64);
    private readonly Option<int> _outages = Whole("--outages", "Ends after so many outages", 1, 1_000_000_000, 10_000);
    private readonly Option<int> _minutes = Whole("--minutes", "Ends after so many minutes at the latest", 1, 100_000, 20);
    private readonly Option<int> _protocol = Whole("--protocol", "The wire protocol: 2, or 1 (micropython-iot)", 1, 2, 2);
    private readonly Option<int> _timeout = Whole("--timeout", "Silence after which an end declares an outage, in ms", 100, 60_000, 400);
    private readonly Option<int?> _seed = new("--seed") { Description = "Which faults, and how long. Default: a new seed." };
    private readonly Option<bool> _keys = new("--keys") { Description = "Gives each device a key (protocol 2)." };

    /// <summary>The options, for a command.</summary>
    public IEnumerable<Option> All => [_links, _outages, _minutes, _protocol, _timeout, _seed, _keys];

    public SoakPlan Plan(ParseResult result) => new()
    {
        Links = result.GetValue(_links),
        Outages = result.GetValue(_outages),
        Length = TimeSpan.FromMinutes(result.GetValue(_minutes)),
        Protocol = result.GetValue(_protocol),
        Keys = result.GetValue(_keys),
        Timeout = TimeSpan.FromMilliseconds(result.GetValue(_timeout)),
        Seed = result.GetValue(_seed) ?? Random.Shared.Next(100_000),
    };

    /// <summary>A whole number, with one sentence for what is none.</summary>
    public static Option<int> Whole(string name, string what, int least, int most, int usual)
    {
        var option = new Option<int>(name) { Description = $"{what}: {least} to {most}.", DefaultValueFactory = _ => usual };
        option.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && (!int.TryParse(token.Value, out var value) || value < least || value > most))
                result.AddError($"{name} must be a whole number from {least} to {most}, not '{token.Value}'.");
        });
        return option;
    }
}
