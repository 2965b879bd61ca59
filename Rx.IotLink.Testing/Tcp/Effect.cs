namespace Rx.IotLink.Testing.Tcp;

/// <summary>
/// One fault at work: the same fault done twice is two effects, and the end of one is not the end of the other.
/// </summary>
internal sealed class Effect(TcpFault fault) : IDisposable
{
    private volatile bool _isOver;

    public TcpFault Fault { get; } = fault;

    /// <summary>Whether it hits connections that are made while it lasts too.</summary>
    public bool HitsNew { get; init; }

    /// <summary>Whether it lets nobody in.</summary>
    public bool Refuses => Fault is TcpFault.Refuse or TcpFault.Away;

    public bool IsOver => _isOver;

    /// <summary>Ends it after its time.</summary>
    public IDisposable? Timer { get; set; }

    public void Dispose()
    {
        _isOver = true;
        Timer?.Dispose();
    }
}
