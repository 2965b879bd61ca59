using Rx.IotLink;

namespace Soak;

/// <summary>
/// Checks that a notice reports each lost memory to the survivor, and that no notice comes without a loss.
/// </summary>
internal sealed class NoticeWatch(Setting setting, Action<string> violation)
{
    private readonly HashSet<string> forgetful = new(StringComparer.Ordinal);
    private readonly HashSet<(string End, string Id)> untold = [];

    /// <summary>A process has ended. With protocol 1 no memory outlives it.</summary>
    public void Crashed(string machine, bool kept)
    {
        if (!kept || setting.Protocol == 1)
            forgetful.Add(machine);
        untold.RemoveWhere(survivor => survivor.End == machine);
    }

    /// <summary>
    /// The peer of an end that had met it has lost its memory. Protocol 1 cannot always notice this
    /// (docs/protocol-1.md).
    /// </summary>
    public void MustBeTold(string end, string id)
    {
        if (setting.Protocol == 2)
            untold.Add((end, id));
    }

    /// <summary>A notice came at one end of a device's link.</summary>
    public void Told(string end, string id, LinkNotice notice)
    {
        if (notice.Kind == LinkNoticeKind.PeerRestarted)
            untold.Remove((end, id));
        if (notice.Kind is LinkNoticeKind.PeerRestarted or LinkNoticeKind.SessionNotResumed or LinkNoticeKind.LinesLost or LinkNoticeKind.MemoryRolledBack
            && !forgetful.Contains(Setting.Server) && !forgetful.Contains(id))
            violation($"{end} ({id}) reported {notice.Kind}, and neither end had lost its memory: {notice.Detail}");
    }

    /// <summary>Everything has healed: all required notices must have come.</summary>
    public void Settle()
    {
        foreach (var (end, id) in untold)
            violation($"{end} ({id}) did not report that its peer had lost its memory");
    }
}
