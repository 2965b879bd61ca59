using System.Text;
using Rx.IotLink.Protocol;
using Rx.IotLink.Tests.Protocol.Driving;

namespace Rx.IotLink.Tests.Engine;

/// <summary>
/// A line that the test writes. Its writer waits for it, unless it may be dropped or is done as soon as it is kept.
/// </summary>
internal sealed class TestLine(
    string text, Delivery delivery = Delivery.ExactlyOnce, Ordering ordering = Ordering.Ordered, bool mayBeDropped = false, bool untilStored = false,
    string? key = null, TimeSpan? timeToLive = null)
    : OutLine(text, Encoding.UTF8.GetByteCount(text), delivery, ordering)
{
    public override string? Key => key;

    public override TimeSpan? TimeToLive => timeToLive;

    public override bool MayBeDropped => mayBeDropped;

    public override bool IsAwaited => !mayBeDropped && !untilStored;

    public override bool IsDoneWhenStored => untilStored;
}

/// <summary>Which end, of which protocol, and with what.</summary>
public sealed record World(Side Side, int Version, bool IsKept, bool HasKey = false)
{
    public static byte[] Key { get; } = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];

    /// <summary>Both ends of both protocols, with and without a store, and a client with a key.</summary>
    public static IEnumerable<World> All =>
    [
        .. from side in new[] { Side.Client, Side.Server } from version in new[] { 1, 2 } from isKept in new[] { false, true } select new World(side, version, isKept),
        new(Side.Client, 2, IsKept: false, HasKey: true),
    ];

    public override string ToString() => $"{Side} {Version}{(IsKept ? " with a store" : "")}{(HasKey ? " with a key" : "")}";
}
