namespace Rx.IotLink.Testing.Tcp;

/// <summary>
/// One active fault. The same fault done twice is two effects, each with its own end.
/// </summary>
internal sealed class Effect(TcpFault fault) : IDisposable
{
    private volatile bool _isOver;

    public TcpFault Fault { get; } = fault;

    /// <summary>Whether it also affects connections that are made while it lasts.</summary>
    public bool HitsNew { get; init; }

    /// <summary>Whether it refuses new connections.</summary>
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
