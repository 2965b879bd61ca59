using System.Reactive;

namespace Rx.IotLink;

/// <summary>What happened to the line of one abandoned request.</summary>
internal sealed class RequestFate
{
    /// <summary>
    /// Whether it was sent, known once its write is cancelled. Another implementation of a link does not report it;
    /// then it counts as sent.
    /// </summary>
    public bool WasSent { get; private set; }

    public IObservable<Unit> Write(ILink link, string line)
    {
        if (link is IOwnLink own)
            return own.Write(line, left: wasSent => WasSent = wasSent);
        WasSent = true;
        return link.Write(line);
    }
}
