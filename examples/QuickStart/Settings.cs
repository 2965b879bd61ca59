using System.CommandLine;
using System.Reactive;
using System.Reactive.Concurrency;
using System.Reactive.Linq;

namespace QuickStart;

/// <summary>What the command line asks for.</summary>
/// <param name="Length">How long faults are done and lines are written.</param>
/// <param name="Seed">Which faults, and when.</param>
/// <param name="Protocol">The wire protocol of the devices; the server speaks both.</param>
/// <param name="Plain">Whether to write line by line instead of a live table.</param>
internal sealed record Settings(TimeSpan Length, int Seed, int Protocol, bool Plain)
{
    private static readonly Option<int> SecondsOption = new("--seconds") { Description = "How long to run: 5 to 3600.", DefaultValueFactory = _ => 20 };
    private static readonly Option<int?> SeedOption = new("--seed") { Description = "Repeats the faults of an earlier run. Default: a new seed." };
    private static readonly Option<int> ProtocolOption = new("--protocol") { Description = "What the devices speak: 2, or 1 (micropython-iot).", DefaultValueFactory = _ => 2 };
    private static readonly Option<bool> PlainOption = new("--plain") { Description = "Write line by line, not a live table." };

    /// <summary>
    /// Runs the program with what the command line asks for, or says in one sentence what is wrong with it and returns
    /// 2.
    /// </summary>
    public static async Task<int> RunAsync(string[] args, Func<Settings, CancellationToken, Task<int>> program)
    {
        var command = new RootCommand("Four devices, one server, bad connections, and not a line lost.") { SecondsOption, SeedOption, ProtocolOption, PlainOption };
        SecondsOption.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && (!int.TryParse(token.Value, out var seconds) || seconds is < 5 or > 3_600))
                result.AddError($"--seconds must be a whole number from 5 to 3600, not '{token.Value}'.");
        });
        ProtocolOption.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && token.Value is not ("1" or "2"))
                result.AddError($"--protocol must be 1 or 2, not '{token.Value}'.");
        });
        command.SetAction((result, cancellation) => program(From(result), cancellation));

        var parsed = command.Parse(args);
        if (parsed.Errors is [var error, ..])
        {
            await Console.Error.WriteLineAsync(error.Message);
            return 2;
        }

        // Long enough that Ctrl-C still ends in the sums.
        return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = Demo.DrainTimeout * 2 });
    }

    /// <summary>Gives one value when the time is up, or when the user has had enough.</summary>
    public IObservable<Unit> Until(IScheduler scheduler, CancellationToken cancellation) =>
        Observable.Timer(Length, scheduler).Select(_ => Unit.Default)
            .Merge(Observable.Create<Unit>(observer => cancellation.Register(() => observer.OnNext(Unit.Default))))
            .Take(1);

    private static Settings From(ParseResult result) => new(
        TimeSpan.FromSeconds(result.GetValue(SecondsOption)),
        result.GetValue(SeedOption) ?? Random.Shared.Next(1_000_000),
        result.GetValue(ProtocolOption),
        // A live table needs a terminal to move the cursor on.
        result.GetValue(PlainOption) || Console.IsOutputRedirected);
}
