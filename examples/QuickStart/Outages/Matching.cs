using Rx.IotLink.Testing.Tcp;

namespace QuickStart.Outages;

/// <summary>Matches what the ends of the links saw with what the proxies did to them.</summary>
public static class Matching
{
    /// <summary>
    /// One finding for each fault. What is seen belongs to the latest fault of that device before it. An end that goes
    /// down a second time, or before any fault, has an outage that no fault explains: a false alarm, or worse.
    /// </summary>
    public static IReadOnlyList<Finding> Match(IReadOnlyList<FaultRecord> faults, IReadOnlyList<Sight> sights)
    {
        var devices = new Dictionary<string, OneDevice>(StringComparer.Ordinal);
        // In the order of time; at the same tick the cause comes before its effect.
        var story = faults.Select(fault => (fault.At, Device: fault.Proxy, Tell: (Action<OneDevice>)(device => device.Harmed(fault))))
            .Concat(sights.Select(sight => (sight.At, sight.Device, Tell: (Action<OneDevice>)(device => device.Saw(sight)))))
            .OrderBy(item => item.At);
        foreach (var (_, name, tell) in story)
        {
            if (!devices.TryGetValue(name, out var device))
                devices.Add(name, device = new OneDevice(name));
            tell(device);
        }

        return [.. devices.Values.SelectMany(device => device.Findings)];
    }

    private sealed class OneDevice(string name)
    {
        private readonly Dictionary<End, bool> _isUp = new() { [End.Server] = false, [End.Device] = false };
        private FaultRecord? _fault;
        private int _current;

        public List<Finding> Findings { get; } = [];

        public void Harmed(FaultRecord fault)
        {
            _fault = fault;
            _current = Findings.Count;
            Findings.Add(new Finding(fault, name, null, null, null));
        }

        public void Saw(Sight sight)
        {
            var wasUp = _isUp[sight.End];
            _isUp[sight.End] = sight.IsUp;
            if (wasUp && !sight.IsUp)
                Down(sight);
            else if (_fault is not null && Findings[_current] is { IsOutage: true, Healed: null } && _isUp.Values.All(up => up))
                Findings[_current] = Findings[_current] with { Healed = sight.At - _fault.At };
        }

        private void Down(Sight sight)
        {
            if (_fault is null)
                Findings.Add(new Finding(null, name, null, null, null));
            else if (sight.End == End.Server && Findings[_current].FoundByServer is null)
                Findings[_current] = Findings[_current] with { FoundByServer = sight.At - _fault.At };
            else if (sight.End == End.Device && Findings[_current].FoundByDevice is null)
                Findings[_current] = Findings[_current] with { FoundByDevice = sight.At - _fault.At };
            else
                Findings.Add(new Finding(null, name, null, null, null));
        }
    }
}
