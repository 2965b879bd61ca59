using System.CommandLine;
using System.Reactive;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;

namespace Examples.Common;

/// <summary>What an example plays on: its command line, its clock, its end.</summary>
public sealed class Stage
{
    /// <summary>Long enough that Ctrl-C still ends in the sums.</summary>
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(30);

    private readonly ParseResult _arguments;

    private Stage(ParseResult arguments, int seconds, bool plain, CancellationToken cancellation)
    {
        _arguments = arguments;
        Plain = plain;
        Stopwatch = Scheduler.StartStopwatch();
        Length = seconds == 0 ? null : TimeSpan.FromSeconds(seconds);
        Enough = Observable.Create<Unit>(observer => cancellation.Register(() => observer.OnNext(Unit.Default))).Take(1);
        var timeIsUp = Length is { } length ? Observable.Timer(length, Scheduler).Select(_ => Unit.Default) : Observable.Never<Unit>();
        Over = timeIsUp.Merge(Enough).Take(1).Replay(1).AutoConnect(0);
    }

    /// <summary>The clock of everything.</summary>
    public IScheduler Scheduler { get; } = DefaultScheduler.Instance;

    /// <summary>Time since the start.</summary>
    public IStopwatch Stopwatch { get; }

    /// <summary>How long it plays; null: until Ctrl-C.</summary>
    public TimeSpan? Length { get; }

    /// <summary>Whether to write line by line: asked for, or the output is no terminal.</summary>
    public bool Plain { get; }

    /// <summary>One value when the user has had enough (Ctrl-C).</summary>
    public IObservable<Unit> Enough { get; }

    /// <summary>One value when the time is up, or the user has had enough.</summary>
    public IObservable<Unit> Over { get; }

    /// <summary>
    /// Runs an example with what the command line asks for, or says in one sentence what is wrong with it and returns
    /// 2.
    /// </summary>
    /// <param name="args">The command line.</param>
    /// <param name="description">What the example shows.</param>
    /// <param name="seconds">How long it plays by default; 0: until Ctrl-C.</param>
    /// <param name="play">The example; gives the exit code.</param>
    /// <param name="options">Its own options.</param>
    public static async Task<int> PlayAsync(string[] args, string description, int seconds, Func<Stage, Task<int>> play, params Option[] options)
    {
        var length = Choice.Whole("--seconds", "How long to run; 0 is until Ctrl-C.", seconds, 0, 1_000_000);
        var plain = new Option<bool>("--plain") { Description = "Write line by line, without colours." };
        var command = new RootCommand(description) { length, plain };
        foreach (var option in options)
            command.Options.Add(option);
        command.SetAction(async (result, cancellation) =>
        {
            try
            {
                return await play(new Stage(result, result.GetValue(length), result.GetValue(plain) || Console.IsOutputRedirected, cancellation));
            }
            catch (IOException exception)
            {
                // A port that somebody else has, above all: the exception's sentence names it.
                return await RefuseAsync(exception.Message);
            }
        });

        var parsed = command.Parse(args);
        if (parsed.Errors is [var error, ..])
        {
            return await RefuseAsync(error.Message);
        }

        return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = LastWords });
    }

    /// <summary>Says in one sentence what is wrong with what was asked for; gives the exit code.</summary>
    public static async Task<int> RefuseAsync(string sentence)
    {
        await Console.Error.WriteLineAsync(sentence);
        return 2;
    }

    /// <summary>What the command line says of one of the example's own options.</summary>
    public T Get<T>(Option<T> option) => _arguments.GetValue(option)!;

    /// <summary>Completes when the time is up.</summary>
    public Task WaitAsync() => Over.ToTask();

    /// <summary>
    /// Waits for work that ends once all is delivered; false, after saying so, if that takes too long.
    /// </summary>
    public async Task<bool> FinishAsync(string what, Task work)
    {
        try
        {
            await work.ToObservable().Timeout(LastWords / 2, Scheduler);
            return true;
        }
        catch (TimeoutException)
        {
            Console.WriteLine($"In vain for {LastWords.TotalSeconds / 2} s: {what}.");
            return false;
        }
    }
}
