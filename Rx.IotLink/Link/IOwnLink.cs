using System.Reactive;
using System.Reactive.Concurrency;

namespace Rx.IotLink;

/// <summary>What operators know of a link that is this library's own.</summary>
internal interface IOwnLink : ILink
{
    LinkOptions Options { get; }

    /// <summary>
    /// <see cref="ILink.Write"/>, and what became of a line whose observer has left: whether it was sent.
    /// </summary>
    IObservable<Unit> Write(string line, Action<bool> left);

    /// <summary>Tells the application something, as <see cref="ILink.Notices"/>.</summary>
    void Notify(LinkNotice notice);
}

internal static class OwnLinkExtensions
{
    /// <summary>The clock of a link, as far as it tells.</summary>
    public static IScheduler Clock(this ILink link) => (link as IOwnLink)?.Options.Scheduler ?? DefaultScheduler.Instance;
}
