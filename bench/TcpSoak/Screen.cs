using System.Reactive.Linq;
using System.Reactive.Subjects;
using System.Reactive.Threading.Tasks;
using Spectre.Console;
using TcpSoak.Ends;
using TcpSoak.Namespaces;

namespace TcpSoak;

/// <summary>Shows how far a run is: a bar on a terminal, a line for each sample elsewhere.</summary>
internal static class Screen
{
    public static async Task<Outcome> ShowAsync(SoakPlan plan, CancellationToken cancellation)
    {
        using var progress = new Subject<SoakProgress>();
        if (Console.IsOutputRedirected)
        {
            using var printing = progress.Select(now => now.Sample).Where(sample => sample is not null).Subscribe(sample => Console.WriteLine(Report.Describe(sample!)));
            return await SoakRun.RunAsync(plan, progress, cancellation);
        }

        // The run goes on its own; the bar only watches, and ends with the faults, not with the run.
        var showing = ShowBarsAsync(plan, progress);
        var outcome = await SoakRun.RunAsync(plan, progress, cancellation);
        await showing;
        return outcome;
    }

    /// <summary>The same for a run in namespaces.</summary>
    public static Task<NamespaceOutcome> ShowAsync(SoakPlan plan, int dropPercent, CancellationToken cancellation) => Console.IsOutputRedirected
        ? NamespaceSoak.RunAsync(plan, dropPercent, _ => { }, cancellation)
        : AnsiConsole.Progress().Columns(Columns()).StartAsync(context =>
        {
            var time = context.AddTask("time", maxValue: plan.Length.TotalSeconds);
            return NamespaceSoak.RunAsync(plan, dropPercent, now => (time.Value, time.Description) = (now.At.TotalSeconds, $"cable pulled {now.Pulls} times, {now.Outages:N0} outages"), cancellation);
        });

    private static Task ShowBarsAsync(SoakPlan plan, IObservable<SoakProgress> progress) => AnsiConsole.Progress()
        .Columns(Columns())
        .StartAsync(async context =>
        {
            var outages = context.AddTask("outages", maxValue: plan.Outages);
            var time = context.AddTask("time", maxValue: plan.Length.TotalSeconds);
            await progress
                .Do(now =>
                {
                    outages.Value = now.Outages;
                    time.Value = now.At.TotalSeconds;
                    outages.Description = $"{now.Outages:N0} of {plan.Outages:N0} outages, {now.Lines:N0} lines";
                    time.Description = $"at most {plan.Length}";
                })
                .LastOrDefaultAsync()
                .ToTask();
            outages.StopTask();
            time.StopTask();
        });

    private static ProgressColumn[] Columns() => [new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn()];
}
