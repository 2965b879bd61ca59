using System.Reactive.Disposables;
using System.Reactive.Linq;
using QuickStart.Outages;

namespace QuickStart.Screen;

/// <summary>What the live table shows of a device, besides the counts of its lines.</summary>
/// <param name="Last">The last value that arrived.</param>
/// <param name="Average">The average of the last second.</param>
/// <param name="IsUp">Whether the server's end is up.</param>
/// <param name="Outages">Outages that the server saw.</param>
/// <param name="IsGone">Whether its alarm rings.</param>
/// <param name="Fault">The latest fault that was done to it.</param>
internal sealed record Row(double Last, double Average, bool IsUp, int Outages, bool IsGone, string Fault)
{
    public static Row Empty { get; } = new(double.NaN, double.NaN, IsUp: false, 0, IsGone: false, "");
}

/// <summary>The present of all devices, kept up to date.</summary>
internal sealed class Board : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Row> _rows = new(StringComparer.Ordinal);
    private readonly CompositeDisposable _keeping;

    public Board(Fleet fleet, Books books) => _keeping =
    [
        fleet.Arrivals.Subscribe(arrival => Update(arrival.Device, row => row with { Last = arrival.Reading.Value })),
        fleet.Windows.Subscribe(window => Update(window.Device, row => row with { Average = window.Value })),
        fleet.Delay.Subscribe(delay => Delay = delay),
        fleet.Gone.Subscribe(alarm => Update(alarm.Device, row => row with { IsGone = alarm.IsGone })),
        books.Ledger.Faults.Subscribe(fault => Update(fault.Proxy, row => row with { Fault = fault.Fault.Name })),
        books.Ledger.Sights.Where(sight => sight.End == End.Server).Subscribe(sight => Update(sight.Device, row => row with
        {
            IsUp = sight.IsUp,
            Outages = row.Outages + (row.IsUp && !sight.IsUp ? 1 : 0),
        })),
    ];

    /// <summary>The fleet's delay in the last second, in milliseconds.</summary>
    public double Delay { get; private set; }

    public Row this[string device]
    {
        get
        {
            lock (_gate)
                return _rows.GetValueOrDefault(device, Row.Empty);
        }
    }

    public void Dispose() => _keeping.Dispose();

    private void Update(string device, Func<Row, Row> change)
    {
        lock (_gate)
            _rows[device] = change(_rows.GetValueOrDefault(device, Row.Empty));
    }
}
