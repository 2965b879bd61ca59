using Rx.IotLink.Testing;
using TcpSoak.Memory;

namespace TcpSoak.Ends;

/// <summary>What a run comes to.</summary>
internal sealed record Outcome
{
    public required TimeSpan Length { get; init; }

    public required DeliveryVerdict ToServer { get; init; }

    public required DeliveryVerdict ToDevices { get; init; }

    /// <summary>Whether every line was accepted in time once nothing disturbed it.</summary>
    public required bool IsDrained { get; init; }

    public required long OutagesAtDevices { get; init; }

    public required long OutagesAtServer { get; init; }

    public required long ProtocolErrors { get; init; }

    public required IReadOnlyList<Finding> Faults { get; init; }

    public required IReadOnlyList<Sample> Samples { get; init; }

    public required IReadOnlyList<Trend> Trends { get; init; }

    /// <summary>
    /// Sockets that exist after the run and did not exist before it; null if the system does not report them.
    /// </summary>
    public int? SocketsLeft { get; init; }

    public DeliveryVerdict All => ToServer + ToDevices;

    public bool IsGood => IsDrained && All.IsFlawless && Trends.All(trend => trend.IsFlat) && (SocketsLeft ?? 0) == 0;
}
