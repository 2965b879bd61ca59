using System.Reactive;

namespace Rx.IotLink;

/// <summary>What became of the line of one request that was given up.</summary>
internal sealed class RequestFate
{
    /// <summary>
    /// Whether it was sent, once nobody waits for its write any more. A link of another make does not tell, so that it
    /// counts as sent.
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
