namespace Rx.IotLink;

/// <summary>
/// Hears of observers that throw. An interface instead of a delegate: thousands of links at rest hold it.
/// </summary>
internal interface IObserverFaults
{
    /// <summary>An observer threw; its subscription has ended.</summary>
    /// <param name="stream">The stream that it observed.</param>
    /// <param name="error">What it threw.</param>
    void ObserverFailed(string stream, Exception error);
}

/// <summary>The link, as its inbox sees it. Not called under the lock.</summary>
internal interface IInboxOwner : IObserverFaults
{
    /// <summary>Monotonic time on the link's scheduler.</summary>
    TimeSpan Now { get; }

    /// <summary>Observers get lines from now on.</summary>
    void Holding(TimeSpan since);

    /// <summary>
    /// Lines were handled. If the drain has no lines left, the result says whether it continues.
    /// </summary>
    /// <param name="nothingLeft">Whether the drain has no lines left.</param>
    /// <param name="mayWait">
    /// Whether they need not be accepted yet, if the drain continues: then more lines go with them.
    /// </param>
    bool Handled(bool nothingLeft, bool mayWait = false);
}
