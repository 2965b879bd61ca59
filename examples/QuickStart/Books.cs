using System.Reactive.Concurrency;
using QuickStart.Outages;
using Rx.IotLink.Testing;

namespace QuickStart;

/// <summary>Everything that is written down during a run, to be judged at its end.</summary>
internal sealed class Books(IReadOnlyList<string> devices, IStopwatch stopwatch) : IDisposable
{
    /// <summary>The lines from each device to the server.</summary>
    public IReadOnlyDictionary<string, DeliveryChecker> ToServer { get; } = devices.ToDictionary(device => device, _ => new DeliveryChecker(), StringComparer.Ordinal);

    /// <summary>The lines from the server to each device.</summary>
    public IReadOnlyDictionary<string, DeliveryChecker> ToDevice { get; } = devices.ToDictionary(device => device, _ => new DeliveryChecker(), StringComparer.Ordinal);

    /// <summary>Faults and outages.</summary>
    public Ledger Ledger { get; } = new(stopwatch);

    /// <summary>Lines that were written and have not been accepted yet.</summary>
    public int Undelivered => ToServer.Values.Concat(ToDevice.Values).Sum(lines => lines.Open);

    public void Dispose() => Ledger.Dispose();
}
