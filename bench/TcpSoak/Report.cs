using Rx.IotLink.Testing;
using TcpSoak.Ends;
using TcpSoak.Memory;
using TcpSoak.Namespaces;

namespace TcpSoak;

/// <summary>What a run comes to, as text.</summary>
internal static class Report
{
    private const double MebiByte = 1 << 20;
    private const int MostSamples = 16;

    /// <summary>Prints all figures and the verdict; returns the exit code.</summary>
    public static int Print(SoakPlan plan, Outcome outcome)
    {
        Print(outcome.ToServer, outcome.ToDevices);
        PrintFaults(outcome);
        PrintMemory(outcome);
        Console.WriteLine();
        if (!outcome.IsDrained)
            Console.WriteLine($"Not every line was accepted {plan.Drain.TotalSeconds:F0} s after the last fault.");
        Console.WriteLine(
            $"{Verdict(outcome.IsGood)}: protocol {plan.Protocol}, {plan.Links} links, timeout {plan.Timeout.TotalMilliseconds:F0} ms, {outcome.Length:hh\\:mm\\:ss}, "
            + $"{outcome.OutagesAtDevices} outages ({outcome.OutagesAtServer} at the server), {outcome.All.Received} lines, "
            + $"lost {outcome.All.Lost}, repeated {outcome.All.Repeated}, out of order {outcome.All.OutOfOrder}, seed {plan.Seed}");
        return outcome.IsGood ? 0 : 1;
    }

    /// <summary>The same for a run in namespaces.</summary>
    public static int Print(SoakPlan plan, int dropPercent, NamespaceOutcome outcome)
    {
        Print(outcome.ToServer, outcome.ToDevices);
        Console.WriteLine();
        if (!outcome.IsDrained)
            Console.WriteLine($"Not every line was accepted {plan.Drain.TotalSeconds:F0} s after the last fault.");
        var all = outcome.ToServer + outcome.ToDevices;
        Console.WriteLine(
            $"{Verdict(outcome.IsGood)}: protocol {plan.Protocol}, {plan.Links} links, timeout {plan.Timeout.TotalMilliseconds:F0} ms, {outcome.Length:hh\\:mm\\:ss}, "
            + $"{dropPercent} % dropped, cable pulled {outcome.Pulls} times, {outcome.Devices.Outages} outages ({outcome.Server.Outages} at the server), {all.Received} lines, "
            + $"lost {all.Lost}, repeated {all.Repeated}, out of order {all.OutOfOrder}, protocol errors {outcome.Devices.ProtocolErrors + outcome.Server.ProtocolErrors}, seed {plan.Seed}");
        return outcome.IsGood ? 0 : 1;
    }

    private static string Verdict(bool isGood) => isGood ? "GOOD" : "BAD";

    private static void Print(DeliveryVerdict toServer, DeliveryVerdict toDevices)
    {
        Console.WriteLine();
        Console.WriteLine("lines          written    accepted    received  lost  repeated  out of order  unknown  falsely accepted  unanswered");
        Print("to server", toServer);
        Print("to devices", toDevices);
    }

    public static string Describe(Sample sample) =>
        $"{sample.At:hh\\:mm\\:ss}  {sample.Outages,8}  {sample.HeapBytes / MebiByte,13:F2}  {sample.ResidentBytes / MebiByte,12:F1}  {sample.Threads,7}  {sample.Handles,7}";

    private static void Print(string name, DeliveryVerdict sums) => Console.WriteLine(
        $"{name,-10}  {sums.Written,10}  {sums.Accepted,10}  {sums.Received,10}  {sums.Lost,4}  {sums.Repeated,8}  {sums.OutOfOrder,12}  {sums.Unknown,7}  {sums.FalselyAccepted,16}  {sums.Unanswered,10}");

    private static void PrintFaults(Outcome outcome)
    {
        Console.WriteLine();
        Console.WriteLine("fault         done  outages   found by device    found by server             healed   (ms after the fault: median / 99 % / longest; and by what)");
        foreach (var kind in outcome.Faults)
            Console.WriteLine($"{kind.Name,-10}  {kind.Done,6}  {kind.Outages,7}  {Describe(kind.FoundByDevice)}  {Describe(kind.FoundByServer)}  {Describe(kind.Healed)}   {string.Join(", ", kind.Reasons.Select(reason => $"{reason.Key} {reason.Value}"))}");
        Console.WriteLine($"{outcome.ProtocolErrors} connections ended because of what was said on them.");
    }

    private static void PrintMemory(Outcome outcome)
    {
        Console.WriteLine();
        Console.WriteLine("time       outages  heap, MiB (GC)  resident, MiB  threads  handles");
        var every = (outcome.Samples.Count + MostSamples - 1) / MostSamples;
        foreach (var sample in outcome.Samples.Where((_, at) => at % every == 0))
            Console.WriteLine(Describe(sample));
        if (outcome.Trends.Count == 0)
            Console.WriteLine($"Too short to say whether anything grows: {outcome.Samples.Count} of at least {Trend.LeastSamples} samples.");
        foreach (var trend in outcome.Trends)
            Console.WriteLine($"{trend.What,-18}  first quarter {trend.First,7:F2}, last quarter {trend.Last,7:F2}, {(trend.IsFlat ? "flat" : $"GREW (more than {trend.Most:F2})")}");
        if (outcome.SocketsLeft is { } left)
            Console.WriteLine($"sockets left when all was closed: {left}");
    }

    private static string Describe(Times times)
    {
        var text = times.Count == 0 ? "-" : $"{times.PercentileMs(0.5)} / {times.PercentileMs(0.99)} / {times.Longest.TotalMilliseconds:F0}";
        return $"{text,17}";
    }
}
