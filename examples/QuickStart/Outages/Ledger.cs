using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using System.Reactive.Subjects;
using System.Reactive.Threading.Tasks;
using Rx.IotLink;
using Rx.IotLink.Testing.Tcp;

namespace QuickStart.Outages;

/// <summary>Keeps what the proxies did and what both ends of each link saw of it.</summary>
internal sealed class Ledger(IStopwatch stopwatch) : IDisposable
{
    private readonly ISubject<FaultRecord> _faults = Subject.Synchronize(new ReplaySubject<FaultRecord>());
    private readonly ISubject<Sight> _sights = Subject.Synchronize(new ReplaySubject<Sight>());
    private readonly CompositeDisposable _watching = [];

    /// <summary>The faults of all proxies, from the first on.</summary>
    public IObservable<FaultRecord> Faults => _faults;

    /// <summary>What all ends saw, from the first on.</summary>
    public IObservable<Sight> Sights => _sights;

    /// <summary>Watches a proxy.</summary>
    public void Watch(FaultProxy proxy) => _watching.Add(proxy.Faults.Subscribe(_faults.OnNext));

    /// <summary>Watches one end of a link.</summary>
    public void Watch(ILink link, End end) => _watching.Add(link.State
        .Where(state => !state.IsFinal)
        .SkipWhile(state => !state.IsUp)
        .DistinctUntilChanged(state => state.IsUp)
        .Select(state => new Sight(link.Id, end, stopwatch.Elapsed, state.IsUp, state.ToString()))
        .Subscribe(_sights.OnNext));

    /// <summary>Stops watching, and matches what was seen with what was done.</summary>
    public async Task<IReadOnlyList<Finding>> CloseAsync()
    {
        Dispose();
        _faults.OnCompleted();
        _sights.OnCompleted();
        return Matching.Match([.. await _faults.ToList().ToTask()], [.. await _sights.ToList().ToTask()]);
    }

    /// <summary>Stops watching.</summary>
    public void Dispose() => _watching.Dispose();
}
