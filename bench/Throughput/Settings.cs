using System.CommandLine;

namespace Throughput;

/// <summary>What the command line asks for.</summary>
/// <param name="Rounds">How often everything is measured, in turn.</param>
/// <param name="Seconds">How long each measurement takes, after a warm-up of half a second.</param>
/// <param name="Protocol">What the links speak.</param>
/// <param name="Only">The measurements that are wanted, by name; all, if empty.</param>
/// <param name="Json">Where the results go as JSON, or null.</param>
/// <param name="Folder">Where the files of stores are made, each in a folder of its own.</param>
internal sealed record Settings(int Rounds, double Seconds, int Protocol, IReadOnlyList<string> Only, FileInfo? Json, DirectoryInfo Folder)
{
    private static readonly Option<int> RoundsOption = new("--rounds") { HelpName = "N", Description = "Rounds: 1 to 1000.", DefaultValueFactory = _ => 5 };
    private static readonly Option<double> SecondsOption = new("--seconds") { HelpName = "S", Description = "Length of one measurement: 0.1 to 600 s.", DefaultValueFactory = _ => 2 };
    private static readonly Option<int> ProtocolOption = new("--protocol") { HelpName = "1|2", Description = "What the links speak.", DefaultValueFactory = _ => 2 };
    private static readonly Option<string[]> OnlyOption = new("--only") { HelpName = "NAME", Description = "Measurements to do. Default: all of them.", DefaultValueFactory = _ => [], AllowMultipleArgumentsPerToken = true };
    private static readonly Option<FileInfo?> JsonOption = new("--json") { HelpName = "FILE", Description = "Write the results there as JSON." };
    private static readonly Option<DirectoryInfo> FolderOption = new("--folder") { HelpName = "FOLDER", Description = "Where the files of stores are made, on the disk that is to be measured. Default: the temporary folder.", DefaultValueFactory = _ => new(Path.GetTempPath()) };

    /// <summary>What is measured if the command line asks for nothing.</summary>
    public static Settings Default { get; } = new(Rounds: 5, Seconds: 2, Protocol: 2, Only: [], Json: null, new(Path.GetTempPath()));

    /// <summary>Whether a measurement that is wanted makes files.</summary>
    public bool MakesFiles => Only.Count == 0 || Only.Any(name => name.Contains("sqlite", StringComparison.Ordinal));

    public TimeSpan Length => TimeSpan.FromSeconds(Seconds);

    /// <summary>
    /// Runs the program with what the command line asks for, or says in one sentence what is wrong with it and returns
    /// 2.
    /// </summary>
    public static async Task<int> RunAsync(string[] args, Func<Settings, CancellationToken, Task<int>> program)
    {
        var command = new RootCommand("What a link costs beside a raw socket.") { RoundsOption, SecondsOption, ProtocolOption, OnlyOption, JsonOption, FolderOption };
        Check(RoundsOption, n => n is >= 1 and <= 1_000, "a whole number from 1 to 1000");
        Check(SecondsOption, n => n is >= 0.1 and <= 600, "a number from 0.1 to 600");
        Check(ProtocolOption, n => n is 1 or 2, "1 or 2");
        OnlyOption.Validators.Add(result =>
        {
            foreach (var unknown in result.Tokens.Where(t => Measurements.All.All(m => m.Name != t.Value)))
                result.AddError($"--only knows {string.Join(", ", Measurements.All.Select(m => m.Name))}; not '{unknown.Value}'.");
        });
        FolderOption.Validators.Add(result =>
        {
            foreach (var missing in result.Tokens.Where(t => !Directory.Exists(t.Value)))
                result.AddError($"--folder must be a folder that is there, not '{missing.Value}'.");
        });
        command.SetAction((result, cancellation) => program(
            new(result.GetValue(RoundsOption), result.GetValue(SecondsOption), result.GetValue(ProtocolOption), result.GetValue(OnlyOption)!, result.GetValue(JsonOption), result.GetValue(FolderOption)!),
            cancellation));

        var parsed = command.Parse(args);
        if (parsed.Errors is [var error, ..])
        {
            await Console.Error.WriteLineAsync(error.Message);
            return 2;
        }

        return await parsed.InvokeAsync();
    }

    private static void Check<T>(Option<T> option, Func<T, bool> good, string rule)
        where T : IParsable<T> =>
        option.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && !(T.TryParse(token.Value, provider: null, out var value) && good(value)))
                result.AddError($"{option.Name} must be {rule}, not '{token.Value}'.");
        });
}
