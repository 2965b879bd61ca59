using System.CommandLine;

namespace Soak;

/// <summary>What the command line asks for.</summary>
/// <param name="Protocols">The wire protocols.</param>
/// <param name="First">The first seed.</param>
/// <param name="Count">How many seeds, for each protocol.</param>
/// <param name="Life">How long each life is, without its healing.</param>
/// <param name="Workers">How many lives are lived at the same time.</param>
/// <param name="Replays">Whether to show one seed with all details.</param>
internal sealed record Settings(IReadOnlyList<int> Protocols, int First, int Count, TimeSpan Life, int Workers, bool Replays)
{
    private static readonly Option<string> ProtocolOption = new("--protocol") { Description = "1, 2 or both.", DefaultValueFactory = _ => "both" };
    private static readonly Option<int> SeedsOption = new("--seeds") { Description = "How many seeds, for each protocol.", DefaultValueFactory = _ => 1_000 };
    private static readonly Option<int> FirstOption = new("--first") { Description = "The first seed.", DefaultValueFactory = _ => 1 };
    private static readonly Option<int?> SeedOption = new("--seed") { Description = "Replays this seed alone, and shortens its faults if it fails." };
    private static readonly Option<double> MinutesOption = new("--minutes") { Description = "How long each life is, in virtual minutes, before all faults end.", DefaultValueFactory = _ => 5 };
    private static readonly Option<int> WorkersOption = new("--workers") { Description = "How many lives are lived at the same time.", DefaultValueFactory = _ => Environment.ProcessorCount };

    /// <summary>
    /// Runs the program with what the command line asks for, or says in one sentence what is wrong with it and returns
    /// 2.
    /// </summary>
    public static int Run(string[] args, Func<Settings, CancellationToken, int> program)
    {
        ProtocolOption.AcceptOnlyFromAmong("1", "2", "both");
        AtLeastOne(SeedsOption, "--seeds");
        AtLeastOne(WorkersOption, "--workers");
        MinutesOption.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && (!double.TryParse(token.Value, out var minutes) || minutes is < 0.1 or > 100_000))
                result.AddError($"--minutes must be from 0.1 to 100000, not '{token.Value}'.");
        });
        var command = new RootCommand("Many lives of small fleets in virtual time, with outages and crashes; nothing may be lost, repeated or out of order.")
        {
            ProtocolOption, SeedsOption, FirstOption, SeedOption, MinutesOption, WorkersOption,
        };
        command.SetAction((result, cancellation) => Task.Run(() => program(From(result), cancellation), CancellationToken.None));
        var parsed = command.Parse(args);
        if (parsed.Errors is not [var error, ..])
            return parsed.Invoke(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromMinutes(1) });
        Console.Error.WriteLine(error.Message);
        return 2;
    }

    private static void AtLeastOne(Option<int> option, string name) => option.Validators.Add(result =>
    {
        if (result.Tokens is [var token] && (!int.TryParse(token.Value, out var value) || value < 1))
            result.AddError($"{name} must be a whole number from 1, not '{token.Value}'.");
    });

    private static Settings From(ParseResult result)
    {
        var seed = result.GetValue(SeedOption);
        return new(
            result.GetValue(ProtocolOption) switch { "1" => [1], "2" => [2], _ => [2, 1] },
            seed ?? result.GetValue(FirstOption),
            seed is null ? result.GetValue(SeedsOption) : 1,
            TimeSpan.FromMinutes(result.GetValue(MinutesOption)),
            result.GetValue(WorkersOption),
            seed is not null);
    }
}
