namespace Rx.IotLink.Testing;

/// <summary>
/// A part of the path that several devices share: an access point, a modem, a mast. A fault here affects all of them.
/// </summary>
public sealed class AccessPoint : FaultTarget
{
    private readonly IReadOnlyList<SimulatedDevice> devices;

    internal AccessPoint(SimulatedNetwork network, string name, IReadOnlyList<SimulatedDevice> devices)
        : base(network, name) => this.devices = devices;

    /// <summary>The devices behind it.</summary>
    public IReadOnlyList<SimulatedDevice> Devices => devices;

    internal override IEnumerable<SimulatedPath> Paths => devices.Select(d => d.Path);

    /// <summary>It is off for some time: the same as a stall of all its devices.</summary>
    public Fault GoesDown(TimeSpan at, TimeSpan lasting) => Stalls(at, lasting);
}
