using System.Reactive.Concurrency;
using Rx.IotLink;
using Rx.IotLink.Testing.Tcp;

namespace TcpSoak.Ends;

/// <summary>What became of each kind of fault, over all links.</summary>
internal sealed class Findings(IStopwatch stopwatch)
{
    /// <summary>
    /// The name of what no fault explains: an end that went down though nothing had been done to it since it came up.
    /// </summary>
    private const string NoFault = "(no fault)";

    private readonly Lock _gate = new();
    private readonly SortedDictionary<string, Finding> _kinds = new(StringComparer.Ordinal);
    private readonly Dictionary<string, OneLink> _links = new(StringComparer.Ordinal);
    private readonly Finding _unexplained = new(NoFault);
    private bool _isClosed;

    public IReadOnlyList<Finding> Kinds
    {
        get
        {
            lock (_gate)
                return [.. _kinds.Values, .. _unexplained.Outages == 0 ? Array.Empty<Finding>() : [_unexplained]];
        }
    }

    /// <summary>What comes from now on is the end of the run, and no outage.</summary>
    public void Close()
    {
        lock (_gate)
            _isClosed = true;
    }

    /// <summary>A proxy did a fault to a link.</summary>
    public void Done(FaultRecord record)
    {
        lock (_gate)
        {
            if (!_kinds.TryGetValue(record.Fault.Name, out var kind))
                _kinds.Add(record.Fault.Name, kind = new Finding(record.Fault.Name));
            kind.Done++;
            var link = Link(record.Proxy);
            (link.Kind, link.Since, link.IsOutage) = (kind, record.At, false);
            foreach (var end in link.Ends)
                end.HasCause = true;
        }
    }

    /// <summary>Watches one end of a link.</summary>
    public void Watch(ILink link, bool isServer) =>
        _ = link.State.Subscribe(state =>
        {
            if (!state.IsFinal)
                Saw(link.Id, isServer, state);
        });

    private void Saw(string id, bool isServer, LinkState state)
    {
        var now = stopwatch.Elapsed;
        lock (_gate)
        {
            if (_isClosed)
                return;
            var link = Link(id);
            var end = link.Ends[isServer ? 1 : 0];
            var wasUp = end.IsUp;
            end.IsUp = state.IsUp;
            if (wasUp && !state.IsUp)
                Down(link, end, isServer, state.Outage?.Reason, now);
            else if (link is { IsOutage: true, Kind: { } kind } && Array.TrueForAll(link.Ends, e => e.IsUp))
            {
                kind.Healed.Add(now - link.Since);
                link.IsOutage = false;
            }
        }
    }

    private void Down(OneLink link, OneEnd end, bool isServer, OutageReason? reason, TimeSpan now)
    {
        if (link.Kind is not { } kind || !end.HasCause)
        {
            _unexplained.Outages++;
            _unexplained.Add(reason);
            return;
        }

        end.HasCause = false;
        kind.Add(reason);
        (isServer ? kind.FoundByServer : kind.FoundByDevice).Add(now - link.Since);
        if (!link.IsOutage)
            kind.Outages++;
        link.IsOutage = true;
    }

    private OneLink Link(string id)
    {
        if (!_links.TryGetValue(id, out var link))
            _links.Add(id, link = new OneLink());
        return link;
    }

    private sealed class OneLink
    {
        public OneEnd[] Ends { get; } = [new(), new()];

        public Finding? Kind { get; set; }

        public TimeSpan Since { get; set; }

        public bool IsOutage { get; set; }
    }

    private sealed class OneEnd
    {
        public bool IsUp { get; set; }

        public bool HasCause { get; set; }
    }
}

/// <summary>What became of a kind of fault.</summary>
internal sealed class Finding(string name)
{
    private readonly SortedDictionary<string, long> _reasons = new(StringComparer.Ordinal);

    public string Name => name;

    /// <summary>How often it was done.</summary>
    public long Done { get; set; }

    /// <summary>How often any end went down for it.</summary>
    public long Outages { get; set; }

    /// <summary>From the fault until the device's end was down.</summary>
    public Times FoundByDevice { get; } = new();

    /// <summary>From the fault until the server's end was down.</summary>
    public Times FoundByServer { get; } = new();

    /// <summary>From the fault until both ends were up again.</summary>
    public Times Healed { get; } = new();

    /// <summary>By what the ends found it, and how often.</summary>
    public IEnumerable<KeyValuePair<string, long>> Reasons => _reasons;

    public void Add(OutageReason? reason) => _reasons[$"{reason}"] = (_reasons.TryGetValue($"{reason}", out var before) ? before : 0) + 1;
}
