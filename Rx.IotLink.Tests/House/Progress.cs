using System.Diagnostics;
using System.Globalization;
using NUnit.Framework;
using NUnit.Framework.Interfaces;
using Rx.IotLink.Tests.House;

[assembly: Progress]

namespace Rx.IotLink.Tests.House;

/// <summary>
/// Says every 20 s how many tests have run: a whole run takes minutes, in which it would say nothing.
/// </summary>
[AttributeUsage(AttributeTargets.Assembly)]
internal sealed class ProgressAttribute : Attribute, ITestAction
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(20);
    private static readonly Stopwatch Running = Stopwatch.StartNew();
    private static readonly Lock Gate = new();
    private static TimeSpan next = Every;
    private static int ended;

    public ActionTargets Targets => ActionTargets.Test;

    public void BeforeTest(ITest test)
    {
        // Only those that have ended count.
    }

    public void AfterTest(ITest test)
    {
        if (Count() is { } sum)
            // What goes to Progress is shown by a more talkative console alone.
            TestContext.Error.WriteLine($"{sum}, the last of them {test.ClassName}");
    }

    private static string? Count()
    {
        lock (Gate)
        {
            ended++;
            if (Running.Elapsed < next)
                return null;
            next = Running.Elapsed + Every;
            return string.Create(CultureInfo.InvariantCulture, $"{Running.Elapsed:m\\:ss}: {ended} tests have run");
        }
    }
}
