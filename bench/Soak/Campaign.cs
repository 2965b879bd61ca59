using System.Diagnostics;
using Spectre.Console;

namespace Soak;

/// <summary>Many seeds, several at a time, with a bar that shows how far it is.</summary>
internal static class Campaign
{
    private const int FailuresTold = 20;

    public static int Run(Settings settings, CancellationToken cancellation)
    {
        var failed = settings.Protocols.Sum(protocol => cancellation.IsCancellationRequested ? 0 : Run(settings, protocol, cancellation));
        return failed == 0 ? 0 : 1;
    }

    private static long Run(Settings settings, int protocol, CancellationToken cancellation)
    {
        var tally = new Tally();
        var process = Process.GetCurrentProcess();
        var cpu = process.TotalProcessorTime;
        var clock = Stopwatch.StartNew();
        AnsiConsole.Progress().Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn()).Start(progress =>
        {
            var bar = progress.AddTask($"protocol {protocol}", maxValue: settings.Count);
            try
            {
                Parallel.ForEach(
                    Enumerable.Range(settings.First, settings.Count),
                    new ParallelOptions { MaxDegreeOfParallelism = settings.Workers, CancellationToken = cancellation },
                    seed =>
                    {
                        var setting = Setting.Of(seed, protocol, settings.Life);
                        tally.Add(seed, Trial.Run(setting, setting.Faults()));
                        bar.Increment(1);
                    });
            }
            catch (OperationCanceledException)
            {
                // After Ctrl-C the results so far are shown.
            }
        });
        process.Refresh();
        Print(settings, protocol, tally, process.TotalProcessorTime - cpu, clock.Elapsed);
        return tally.Failed;
    }

    private static void Print(Settings settings, int protocol, Tally tally, TimeSpan cpu, TimeSpan elapsed)
    {
        var sum = tally.Sum;
        var table = new Table().Title($"protocol {protocol}, seeds {settings.First} to {settings.First + settings.Count - 1}").HideHeaders().AddColumn("").AddColumn(new TableColumn("").RightAligned());
        void Row(string what, FormattableString value) => table.AddRow(what, FormattableString.Invariant(value));
        Row("seeds lived", $"{sum.Trials:N0}");
        Row("link-hours", $"{sum.LinkTime.TotalHours:N0}");
        Row("faults", $"{sum.Faults:N0}");
        Row("outages", $"{sum.Outages:N0}");
        Row("crashes", $"{sum.Crashes:N0}");
        Row("lines written, exactly once", $"{sum.Lines.Written:N0}");
        Row("lines accepted", $"{sum.Lines.Accepted:N0}");
        Row("lines received", $"{sum.Lines.Received:N0}");
        Row("gone with their writer's memory", $"{sum.Lines.GoneWithWriter:N0}");
        Row("dropped, as their writers asked", $"{sum.Lines.Dropped:N0}");
        Row("again, their receiver's memory lost", $"{sum.Lines.Redelivered:N0}");
        Row("best effort, received of written", $"{sum.BestEffortReceived:N0} of {sum.BestEffortWritten:N0}");
        table.AddEmptyRow();
        Row("lost", $"{sum.Lines.Lost:N0}");
        Row("repeated", $"{sum.Lines.Repeated + sum.BestEffortRepeated:N0}");
        Row("out of order", $"{sum.Lines.OutOfOrder:N0}");
        Row("falsely accepted, unanswered, never written", $"{sum.Lines.FalselyAccepted + sum.Lines.Unanswered + sum.Lines.Unknown:N0}");
        Row("falsely dropped, after their time", $"{sum.Lines.FalselyDropped + sum.Lines.TooLate:N0}");
        Row("late or early outages, bounds passed, leaks, not healed", $"{tally.Violations:N0}");
        table.AddEmptyRow();
        Row("CPU", $"{cpu.TotalSeconds:N0} s in {elapsed.TotalSeconds:N0} s");
        Row("link-hours in a CPU-second", $"{sum.LinkTime.TotalHours / cpu.TotalSeconds:N1}");
        AnsiConsole.Write(table);
        foreach (var (seed, complaint) in tally.Failures)
        {
            Console.WriteLine($"Seed {seed}: {complaint}");
            Console.WriteLine($"    dotnet run -c Release --project bench/Soak -- --protocol {protocol} --seed {seed}{(settings.Life == TimeSpan.FromMinutes(5) ? "" : FormattableString.Invariant($" --minutes {settings.Life.TotalMinutes}"))}");
        }
    }

    /// <summary>What all seeds come to, and the first that failed.</summary>
    private sealed class Tally
    {
        private readonly Lock gate = new();
        private readonly SortedList<int, string> failures = [];

        public TrialResult Sum { get; private set; } = new();

        public long Failed { get; private set; }

        public long Violations { get; private set; }

        public IReadOnlyDictionary<int, string> Failures => failures;

        public void Add(int seed, TrialResult result)
        {
            lock (gate)
            {
                Violations += result.Violations.Count;
                Sum += result with { Violations = [] };
                if (result.IsFlawless)
                    return;
                Failed++;
                if (failures.Count < FailuresTold)
                    failures.Add(seed, result.Complaint);
            }
        }
    }
}
