using System.Reactive;
using System.Reactive.Concurrency;

namespace Rx.IotLink;

/// <summary>What operators know of a link of this library.</summary>
internal interface IOwnLink : ILink
{
    LinkOptions Options { get; }

    /// <summary>
    /// <see cref="ILink.Write"/>, with a report when the observer unsubscribes: whether the line was sent.
    /// </summary>
    IObservable<Unit> Write(string line, Action<bool> left);

    /// <summary>Sends a notice to the application (<see cref="ILink.Notices"/>).</summary>
    void Notify(LinkNotice notice);
}

internal static class OwnLinkExtensions
{
    /// <summary>The clock of a link; the default one if the link is not this library's.</summary>
    public static IScheduler Clock(this ILink link) => (link as IOwnLink)?.Options.Scheduler ?? DefaultScheduler.Instance;
}
