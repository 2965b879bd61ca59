using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using System.Runtime.CompilerServices;
using NUnit.Framework;

namespace Rx.IotLink.Tests.Server.Tools;

/// <summary>Waits that end: a test that waits in vain fails, and says for what.</summary>
internal static class Bound
{
    /// <summary>Generous, since it is only ever reached by a test that fails, and the machine may be busy.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    public static async Task Within(this Task task, [CallerArgumentExpression(nameof(task))] string what = "")
    {
        try
        {
            await task.WaitAsync(Limit);
        }
        catch (TimeoutException exception)
        {
            throw new AssertionException($"In vain for {Limit.TotalSeconds} s: {what}", exception);
        }
    }

    public static async Task<T> Within<T>(this Task<T> task, [CallerArgumentExpression(nameof(task))] string what = "")
    {
        await Within((Task)task, what);
        return await task;
    }

    public static Task<T> Within<T>(this ValueTask<T> task, [CallerArgumentExpression(nameof(task))] string what = "") => task.AsTask().Within(what);

    public static Task Within(this ValueTask task, [CallerArgumentExpression(nameof(task))] string what = "") => task.AsTask().Within(what);

    /// <summary>The first value of which it holds.</summary>
    public static Task<T> FirstAsync<T>(this IObservable<T> source, Func<T, bool> holds, [CallerArgumentExpression(nameof(holds))] string what = "") =>
        Observable.FirstAsync(source, holds).ToTask().Within(what);

    /// <summary>Waits for a condition without an event, such as a counter.</summary>
    public static Task EventuallyAsync(Func<bool> holds, [CallerArgumentExpression(nameof(holds))] string what = "") =>
        Observable.Interval(TimeSpan.FromMilliseconds(10)).StartWith(0L).FirstAsync(_ => holds(), what);
}
