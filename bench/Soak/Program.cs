using Soak;

var protocol = int.Parse(args[0]);
var first = int.Parse(args[1]);
var count = int.Parse(args[2]);
var bad = 0;
var sum = new TrialResult();
var cpu = System.Diagnostics.Process.GetCurrentProcess().TotalProcessorTime;
var watch = System.Diagnostics.Stopwatch.StartNew();
for (var seed = first; seed < first + count; seed++)
{
    var setting = Setting.Of(seed, protocol);
    var r = Trial.Run(setting, setting.Faults());
    sum += r with { Violations = [] };
    if (!r.IsFlawless)
    {
        bad++;
        if (bad < 15) Console.WriteLine($"{seed}: {r.Complaint}");
    }
}
Console.WriteLine($"{bad} bad of {count}; {sum.LinkTime.TotalHours:F1} link-hours in {watch.Elapsed.TotalSeconds:F1} s, {sum.LinkTime.TotalHours/(System.Diagnostics.Process.GetCurrentProcess().TotalProcessorTime-cpu).TotalSeconds:F1}/CPU-s; {sum}");
