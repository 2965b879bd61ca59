using System.Reactive.Concurrency;
using Rx.IotLink.Server;

namespace Rx.IotLink.Cli;

/// <summary>
/// What a server says of its devices and of strangers. What repeats within a few seconds is summed up: neither a
/// stranger who knocks all the time nor a device that flaps can fill standard error.
/// </summary>
/// <param name="output">Where it is said.</param>
/// <param name="scheduler">The clock.</param>
internal sealed class ServeEvents(Output output, IScheduler scheduler)
{
    private const int MaxTopics = 10_000;

    /// <summary>Events of a kind that one device, or one origin of strangers, may have within that time.</summary>
    private const int AtOnce = 20;

    private static readonly TimeSpan Every = TimeSpan.FromSeconds(5);

    private readonly Digest<Topic> digest = new(scheduler, Every, MaxTopics, topic => topic with { Id = null, From = "several" }, (topic, count) => More(output, topic, count));

    public void Joined(Subject who, string detail)
    {
        if (MaySay("joined", who))
            output.Joined(who.Id, detail);
    }

    public void Refused(LinkChange change)
    {
        if (digest.MaySay(new("refused", null, Origin.Of(change.RemoteEndPoint)?.ToString() ?? "one that has no address", change.Refusal), AtOnce))
            output.Refused(change.Id.Length == 0 ? null : change.Id, $"{change.Detail} (from {change.RemoteEndPoint})");
    }

    public void State(Subject who, LinkState state)
    {
        var name = state.Status switch
        {
            LinkStatus.Up => "up",
            LinkStatus.Down => "down",
            LinkStatus.Asleep => "asleep",
            _ => null,
        };
        if (name is null || MaySay(name, who))
            output.State(who.Id, state);
    }

    /// <summary>Whether a notice is one of too many.</summary>
    public bool Hushes(Subject who, LinkNotice notice) => !MaySay("notice", who, notice.Kind);

    /// <summary>Says what is still to be said.</summary>
    public void Close() => digest.Close();

    /// <summary>
    /// A device has its own topics. Those of strangers are by their origin: they may have as many ids as they like.
    /// </summary>
    private bool MaySay(string name, Subject who, Enum? kind = null) =>
        digest.MaySay(new(name, who.Stranger is null ? who.Id : null, who.Stranger?.ToString(), kind), AtOnce);

    private static void More(Output output, Topic topic, int count) => output.More(
        topic.Event,
        topic.Id,
        $"{count} more within {ExitReport.Seconds(Every)}{(topic.Kind is null ? "" : $" ({topic.Kind})")}{(topic.From is null ? "" : $", from {topic.From}")}");

    /// <summary>Events that say the same.</summary>
    private readonly record struct Topic(string Event, string? Id, string? From, Enum? Kind = null);
}
