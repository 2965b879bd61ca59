using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Subjects;
using System.Reactive.Threading.Tasks;

namespace Rx.IotLink.Mqtt;

/// <summary>
/// Which of the servers of a fleet has the broker's session for messages. The broker decides: of two that connect under
/// its name it ends the first. So nobody connects while another one gives signs of life.
/// </summary>
/// <param name="node">The name of this server among them.</param>
/// <param name="scheduler">The clock.</param>
internal sealed class Turn(string node, IScheduler scheduler) : IDisposable
{
    /// <summary>How often the one that has it gives a sign of life.</summary>
    public static readonly TimeSpan Beat = TimeSpan.FromSeconds(3);

    /// <summary>
    /// After its connection has broken, the broker waits for so long before it publishes the last will. So nobody else
    /// has had the session if it is back within that time.
    /// </summary>
    public static readonly TimeSpan WillDelay = TimeSpan.FromSeconds(3);

    /// <summary>After so long without a sign of life it is gone, whatever the broker keeps of it.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>The property of a message that names the server.</summary>
    public const string Sign = "node";

    private readonly BehaviorSubject<TimeSpan?> delay = new(null);

    /// <summary>The name of this server.</summary>
    public string Node => node;

    /// <summary>Signs of life can be seen: if there is one, it comes soon.</summary>
    public void Begin() => delay.OnNext(Soon());

    /// <summary>None can be seen any more.</summary>
    public void Lost() => delay.OnNext(null);

    /// <summary>A server has the session, or has given it up.</summary>
    public void Saw(string by, bool isUp) => delay.OnNext(!isUp ? Soon() : by == node ? TimeSpan.Zero : Patience);

    /// <summary>Completes when this server may connect.</summary>
    public async Task ComesAsync(CancellationToken cancellationToken) => await delay
        .Select(time => time is { } wait ? Observable.Timer(wait, scheduler) : Observable.Never<long>())
        .Switch().FirstAsync().ToTask(cancellationToken).ConfigureAwait(false);

    public void Dispose() => delay.Dispose();

    /// <summary>Those that wait do not all come at the same time.</summary>
    private static TimeSpan Soon() => TimeSpan.FromMilliseconds(500 + (Random.Shared.NextDouble() * 500));
}
