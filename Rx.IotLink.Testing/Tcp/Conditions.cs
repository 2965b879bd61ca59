namespace Rx.IotLink.Testing.Tcp;

/// <summary>The conditions of one direction of a connection at one moment.</summary>
internal sealed record Conditions
{
    public static Conditions Good { get; } = new();

    /// <summary>Whether nothing passes.</summary>
    public bool IsStalled { get; private init; }

    /// <summary>Whether incoming bytes are dropped.</summary>
    public bool Discards { get; private init; }

    public TimeSpan Latency { get; private init; }

    public int BytesPerSecond { get; private init; } = int.MaxValue;

    public int SliceBytes { get; private init; } = int.MaxValue;

    public TimeSpan Pause { get; private init; }

    /// <summary>Bytes that arrive within this time pass together; zero: each piece by itself.</summary>
    public TimeSpan Coalescing { get; private init; }

    /// <summary>If several faults of one kind are active, the worst counts.</summary>
    public static Conditions Of(IEnumerable<TcpFault> faults, StallDirection way) => faults.Aggregate(Good, (conditions, fault) => fault switch
    {
        TcpFault.Stall stall when stall.Direction.HasFlag(way) => conditions with { IsStalled = true },
        TcpFault.Delay delay when delay.By > conditions.Latency => conditions with { Latency = delay.By },
        TcpFault.Throttle throttle when throttle.BytesPerSecond < conditions.BytesPerSecond => conditions with { BytesPerSecond = throttle.BytesPerSecond },
        TcpFault.Slice slice when slice.Bytes < conditions.SliceBytes => conditions with { SliceBytes = slice.Bytes, Pause = slice.Pause },
        TcpFault.Coalesce coalesce when coalesce.Within > conditions.Coalescing => conditions with { Coalescing = coalesce.Within },
        TcpFault.Kill => conditions with { Discards = true },
        _ => conditions,
    });
}
