using System.Globalization;

namespace Rx.IotLink.Tests.Simulation;

/// <summary>The histories of one direction: exactly-once lines are numbers, best-effort lines the same with a letter before them.</summary>
internal sealed class Direction
{
    private int next;

    public List<int> Written { get; } = [];

    public List<int> Accepted { get; } = [];

    public List<int> Received { get; } = [];

    public List<int> BestEffortWritten { get; } = [];

    public List<int> BestEffortReceived { get; } = [];

    public DeliveryVerdict Verdict => DeliveryVerdict.Of(Written, Accepted, Received);

    public int Next()
    {
        Written.Add(++next);
        return next;
    }

    public string NextBestEffort()
    {
        BestEffortWritten.Add(++next);
        return $"b{next}";
    }

    public void Receive(string line)
    {
        if (line[0] == 'b')
            BestEffortReceived.Add(int.Parse(line.AsSpan(1), CultureInfo.InvariantCulture));
        else
            Received.Add(int.Parse(line, CultureInfo.InvariantCulture));
    }
}
