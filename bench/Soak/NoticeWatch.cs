using Rx.IotLink;
using Rx.IotLink.Testing;

namespace Soak;

/// <summary>Watches that nobody is told of a memory that was lost, unless one was.</summary>
internal sealed class NoticeWatch(Setting setting, Action<string> violation)
{
    private readonly HashSet<string> forgetful = new(StringComparer.Ordinal);

    /// <summary>A process has ended. With protocol 1 no memory outlives it.</summary>
    public void Crashed(string machine, bool kept)
    {
        if (!kept || setting.Protocol == 1)
            forgetful.Add(machine);
    }

    /// <summary>The application at one end of a device's link was told something.</summary>
    public void Told(string end, string id, LinkNotice notice)
    {
        if (notice.Kind is LinkNoticeKind.PeerRestarted or LinkNoticeKind.SessionNotResumed or LinkNoticeKind.LinesLost or LinkNoticeKind.MemoryRolledBack
            && !forgetful.Contains(Setting.Server) && !forgetful.Contains(id))
            violation($"{end} ({id}) was told {notice.Kind}, and neither end had lost its memory: {notice.Detail}");
    }
}
