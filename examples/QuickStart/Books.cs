using System.Reactive.Concurrency;
using QuickStart.Checking;
using QuickStart.Outages;

namespace QuickStart;

/// <summary>Everything that is written down during a run, to be judged at its end.</summary>
internal sealed class Books(IReadOnlyList<string> devices, IStopwatch stopwatch) : IDisposable
{
    /// <summary>The lines from each device to the server.</summary>
    public IReadOnlyDictionary<string, History> ToServer { get; } = devices.ToDictionary(device => device, _ => new History(), StringComparer.Ordinal);

    /// <summary>The lines from the server to each device.</summary>
    public IReadOnlyDictionary<string, History> ToDevice { get; } = devices.ToDictionary(device => device, _ => new History(), StringComparer.Ordinal);

    /// <summary>Faults and outages.</summary>
    public Ledger Ledger { get; } = new(stopwatch);

    /// <summary>Lines that were written and have not been accepted yet.</summary>
    public int Undelivered => ToServer.Values.Concat(ToDevice.Values).Sum(history => history.Count(Step.Written) - history.Count(Step.Accepted));

    public void Dispose() => Ledger.Dispose();
}
