using System.Reactive;
using System.Reactive.Linq;

namespace Rx.IotLink;

/// <summary>The network under a client: Wi-Fi on a device, nothing on a computer that is always connected.</summary>
public interface INetwork
{
    /// <summary>
    /// Brings the network up. The client subscribes before each attempt to connect, and connects after completion. An
    /// error counts as a failed attempt. Unsubscribing cancels it.
    /// </summary>
    IObservable<Unit> BringUp();

    /// <summary>
    /// How long a network that came up is watched before the client connects: a radio that comes back often goes again
    /// at once. Twice <see cref="LinkOptions.Timeout"/> is a good value. Default zero: it is not watched. Added to the
    /// time limit of the attempt.
    /// </summary>
    TimeSpan WatchFor => TimeSpan.Zero;

    /// <summary>
    /// A value when the network has gone again. The client subscribes for <see cref="WatchFor"/>; a value, or an error,
    /// makes the attempt a failed one. Default: none.
    /// </summary>
    IObservable<Unit> Lost => Observable.Never<Unit>();

    /// <summary>
    /// Takes the network down. The client subscribes after each outage, so that a confused radio starts again. A notice
    /// reports an error (<see cref="LinkNoticeKind.ConnectFailed"/>); the next attempt follows all the same.
    /// </summary>
    IObservable<Unit> BringDown();
}

/// <summary>A network that needs no help.</summary>
internal sealed class AlwaysOnNetwork : INetwork
{
    public static AlwaysOnNetwork Instance { get; } = new();

    public IObservable<Unit> BringUp() => Observable.Empty<Unit>();

    public IObservable<Unit> BringDown() => Observable.Empty<Unit>();
}
