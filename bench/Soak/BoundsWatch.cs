using Rx.IotLink;

namespace Soak;

/// <summary>Watches that buffers stay within their bounds.</summary>
internal sealed class BoundsWatch(Setting setting, Action<string> violation)
{
    private static readonly LinkOptions Defaults = new IotLinkClientOptions { Host = "any", Id = "any" };

    public void Check(ILink link)
    {
        var counters = link.Counters;
        // So many of each kind.
        if (counters.Inbox > 2 * setting.InboxLines)
            violation($"{link.Id}: {counters.Inbox} lines wait in an inbox of twice {setting.InboxLines}");
        if (counters.Outbox > Defaults.OutboxLines + Defaults.MaxWaitingWrites)
            violation($"{link.Id}: {counters.Outbox} lines wait in an outbox of {Defaults.OutboxLines} with {Defaults.MaxWaitingWrites} waiting writes");
    }
}
