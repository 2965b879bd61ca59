using System.Reactive.Linq;
using Rx.IotLink;

namespace Bench.Servers;

/// <summary>How often devices had no server, and for how long at most.</summary>
internal sealed class Outages
{
    private readonly Lock gate = new();
    private TimeSpan longest;
    private int count;

    public int Count
    {
        get
        {
            lock (gate)
                return count;
        }
    }

    public TimeSpan Longest
    {
        get
        {
            lock (gate)
                return longest;
        }
    }

    public void Follow(IotLinkClient device) => device.State.SkipWhile(state => !state.IsUp).Scan(
        (Since: (DateTimeOffset?)null, Length: TimeSpan.Zero),
        (before, state) => state.IsUp ? (null, before.Since is { } since ? state.Since - since : TimeSpan.Zero) : (before.Since ?? state.Since, TimeSpan.Zero))
        .Where(outage => outage.Length > TimeSpan.Zero)
        .Subscribe(outage =>
        {
            lock (gate)
                (count, longest) = (count + 1, outage.Length > longest ? outage.Length : longest);
        });
}
