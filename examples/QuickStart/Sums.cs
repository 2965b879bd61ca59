using QuickStart.Outages;
using QuickStart.Screen;
using Rx.IotLink;
using Rx.IotLink.Testing;

namespace QuickStart;

/// <summary>What a run comes to, as text.</summary>
internal static class Sums
{
    private const int WideColumns = 128;

    private static bool IsWide => Page.Width >= WideColumns;

    /// <summary>Judges all histories, prints what was found, and returns the program's exit code.</summary>
    public static int Print(Books books, IReadOnlyList<Finding> findings, IReadOnlyList<ILink> links, int seed)
    {
        var toServer = Judge(books.ToServer.Values);
        var toDevices = Judge(books.ToDevice.Values);
        var all = toServer + toDevices;

        Console.WriteLine();
        Print(toServer, toDevices);
        Console.WriteLine();
        Console.WriteLine(IsWide
            ? "fault              done  outages   found by server    found by device             healed   (ms after the fault: median / longest)"
            : "fault      done  outages  by server  by device     healed\n(found and healed: ms after the fault, median/longest)");
        foreach (var kind in findings.GroupBy(finding => finding.Fault?.Fault.Name ?? "none").OrderBy(kind => kind.Key, StringComparer.Ordinal))
            Print(kind.Key, [.. kind]);
        Page.Say("(A stall that the end of the run cut short is no outage. One that no fault explains is listed under 'none'.)");
        Console.WriteLine();
        Page.Say(
            $"Underneath, {links.Sum(link => link.Counters.LinesRepeated)} lines were sent again, and {links.Sum(link => link.Counters.DuplicatesReceived)} "
            + "arrived that were there already.");
        if (all.Unknown + all.FalselyAccepted + all.Unanswered > 0)
            Page.Say($"{all.Unknown} lines were received that nobody wrote; {all.FalselyAccepted} were said to be accepted before they were received; of {all.Unanswered} that were received the writer did not learn it.");
        Page.Say(
            $"sums: written {all.Written}, accepted {all.Accepted}, received {all.Received}, lost {all.Lost}, repeated {all.Repeated}, "
            + $"out of order {all.OutOfOrder}, outages {findings.Count(finding => finding.IsOutage)}, seed {seed}");
        return all.IsFlawless ? 0 : 1;
    }

    private static DeliveryVerdict Judge(IEnumerable<DeliveryChecker> lines) => lines.Aggregate(new DeliveryVerdict(), (sum, checker) => sum + checker.Verdict);

    private static void Print(DeliveryVerdict toServer, DeliveryVerdict toDevices)
    {
        if (!IsWide)
        {
            Console.WriteLine("lines         to server  to devices");
            Print("written", toServer.Written, toDevices.Written);
            Print("accepted", toServer.Accepted, toDevices.Accepted);
            Print("received", toServer.Received, toDevices.Received);
            Print("lost", toServer.Lost, toDevices.Lost);
            Print("repeated", toServer.Repeated, toDevices.Repeated);
            Print("out of order", toServer.OutOfOrder, toDevices.OutOfOrder);
            return;
        }

        Console.WriteLine("lines        written  accepted  received      lost  repeated  out of order");
        Print("to server", toServer);
        Print("to devices", toDevices);
    }

    private static void Print(string what, long toServer, long toDevices) => Console.WriteLine($"{what,-12}  {toServer,9}  {toDevices,10}");

    private static void Print(string name, DeliveryVerdict verdict) => Console.WriteLine(
        $"{name,-10}  {verdict.Written,8}  {verdict.Accepted,8}  {verdict.Received,8}  {verdict.Lost,8}  {verdict.Repeated,8}  {verdict.OutOfOrder,12}");

    private static void Print(string kind, IReadOnlyList<Finding> findings) => Console.WriteLine(!IsWide
        ? $"{kind,-10} {findings.Count(finding => finding.Fault is not null),4}  {findings.Count(finding => finding.IsOutage),7}"
        + $" {Short(findings.Select(finding => finding.FoundByServer))} {Short(findings.Select(finding => finding.FoundByDevice))} {Short(findings.Select(finding => finding.Healed))}"
        : $"{kind,-16}  {findings.Count(finding => finding.Fault is not null),5}  {findings.Count(finding => finding.IsOutage),7}"
        + $"  {Times(findings.Select(finding => finding.FoundByServer))}  {Times(findings.Select(finding => finding.FoundByDevice))}  {Times(findings.Select(finding => finding.Healed))}");

    private static string Short(IEnumerable<TimeSpan?> times) => $"{Times(times).Replace(" ", "", StringComparison.Ordinal),10}";

    private static string Times(IEnumerable<TimeSpan?> times)
    {
        var sorted = times.OfType<TimeSpan>().Order().ToList();
        var text = sorted.Count == 0 ? "-" : $"{sorted[sorted.Count / 2].TotalMilliseconds:F0} / {sorted[^1].TotalMilliseconds:F0}";
        return $"{text,17}";
    }
}
