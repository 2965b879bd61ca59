namespace Rx.IotLink.Testing;

/// <summary>
/// Somewhere in a simulated network where things go wrong. Each verb plans one fault, and gives it as a value.
/// </summary>
public abstract class FaultTarget
{
    private protected FaultTarget(SimulatedNetwork network, string name) => (Network, Name) = (network, name);

    /// <summary>The device's id, or the name of the server or access point: unique in its network.</summary>
    public string Name { get; }

    /// <summary>Its network.</summary>
    public SimulatedNetwork Network { get; }

    /// <summary>The paths that a fault here affects.</summary>
    internal abstract IEnumerable<SimulatedPath> Paths { get; }

    /// <inheritdoc cref="Fault.Kill"/>
    public Fault Kills(TimeSpan at, bool reset = false, bool losesTail = true) => Plan(Fault.Kill(Name, at, reset, losesTail));

    /// <inheritdoc cref="Fault.Stall"/>
    public Fault Stalls(TimeSpan at, TimeSpan lasting, StallDirection direction = StallDirection.Both) => Plan(Fault.Stall(Name, at, lasting, direction));

    /// <inheritdoc cref="Fault.Refuse"/>
    public Fault Refuses(TimeSpan at, TimeSpan lasting) => Plan(Fault.Refuse(Name, at, lasting));

    /// <inheritdoc cref="Fault.Delay"/>
    public Fault Delays(TimeSpan at, TimeSpan lasting, TimeSpan by, TimeSpan jitter = default) => Plan(Fault.Delay(Name, at, lasting, by, jitter));

    /// <inheritdoc cref="Fault.Throttle"/>
    public Fault Throttles(TimeSpan at, TimeSpan lasting, int bytesPerSecond) => Plan(Fault.Throttle(Name, at, lasting, bytesPerSecond));

    /// <inheritdoc cref="Fault.Slice"/>
    public Fault Slices(TimeSpan at, TimeSpan lasting, int bytes) => Plan(Fault.Slice(Name, at, lasting, bytes));

    /// <inheritdoc cref="Fault.Coalesce"/>
    public Fault Coalesces(TimeSpan at, TimeSpan lasting, TimeSpan within) => Plan(Fault.Coalesce(Name, at, lasting, within));

    /// <inheritdoc cref="Fault.OpenSlowly"/>
    public Fault OpensSlowly(TimeSpan at, TimeSpan lasting, TimeSpan by) => Plan(Fault.OpenSlowly(Name, at, lasting, by));

    private protected Fault Plan(Fault fault)
    {
        Network.Play([fault]);
        return fault;
    }

    /// <summary>Lets a fault of the path begin; disposing ends it.</summary>
    internal virtual IDisposable Begin(Fault fault) => new Begun([.. Paths.Select(path => path.Begin(fault))]);

    private sealed class Begun(IReadOnlyList<IDisposable> parts) : IDisposable
    {
        public void Dispose()
        {
            foreach (var part in parts)
                part.Dispose();
        }
    }
}
