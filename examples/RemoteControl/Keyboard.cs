using System.Reactive;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using Examples.Common;

namespace Examples.RemoteControl;

/// <summary>The button: any key, or, where there is no keyboard, a press now and then.</summary>
internal static class Keyboard
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan PressEvery = TimeSpan.FromMilliseconds(400);

    public static bool IsThere => !Console.IsInputRedirected;

    /// <summary>One value for each press; completes when q was pressed or the time is up.</summary>
    public static IObservable<Unit> Presses(Stage stage) => (IsThere ? Keys(stage.Scheduler) : Observable.Interval(PressEvery, stage.Scheduler).Select(_ => Unit.Default))
        .TakeUntil(stage.Over)
        .Publish().AutoConnect();

    // Polled, not awaited: a thread that waits for a key cannot be stopped when the time is over.
    private static IObservable<Unit> Keys(IScheduler scheduler) => Observable.Interval(LookEvery, scheduler)
        .Where(_ => Console.KeyAvailable)
        .Select(_ => Console.ReadKey(intercept: true))
        .TakeWhile(key => key.Key != ConsoleKey.Q)
        .Select(_ => Unit.Default);
}
