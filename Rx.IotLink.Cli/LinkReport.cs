using System.Reactive.Disposables;
using System.Reactive.Linq;

namespace Rx.IotLink.Cli;

/// <summary>Says what happens on a link: its states, notices and lines.</summary>
internal static class LinkReport
{
    /// <summary>
    /// Lines of one link that are on their way back to their sender, at most; the sender is slowed then.
    /// </summary>
    public const int MaxEchoes = 256;

    /// <param name="link">The link.</param>
    /// <param name="print">Prints a received line; null: somebody else does.</param>
    /// <param name="output">Where everything else is said.</param>
    /// <param name="echo">Writes a received line back, or null.</param>
    /// <param name="handles">Takes a notice that is not to be said, or leaves it; null: all are said.</param>
    /// <param name="state">Says a state in another way; null: each is said as it is.</param>
    public static IDisposable Start(
        ILink link, Action<ReceivedLine>? print, Output output, Action<string>? echo, Func<LinkNotice, bool>? handles = null, Action<LinkState>? state = null) => new CompositeDisposable(
        link.State.Subscribe(state ?? (next => output.State(link.Id, next)), Ignore),
        link.Notices.Where(notice => handles?.Invoke(notice) != true).Subscribe(notice => output.Notice(link.Id, notice), Ignore),
        print is null && echo is null ? Disposable.Empty : link.Received.Subscribe(
            line =>
            {
                // In this order: what was acknowledged was printed.
                print?.Invoke(line);
                echo?.Invoke(line.Text);
                line.Accept();
            },
            Ignore));

    /// <summary>Writes received lines back. Waits for a place, which is what slows the sender.</summary>
    public static Action<string> Echo(ILink link, LineWindow window, Delivery delivery, CancellationToken over) => line =>
    {
        window.Reserve(over);
        _ = window.FollowAsync(link.WriteAsync(line, delivery, cancellationToken: CancellationToken.None));
    };

    // A link fails only when it is refused for good, which its state has shown.
    private static void Ignore(Exception error)
    {
    }
}
