using System.Reflection;
using System.Runtime.CompilerServices;
using Rx.IotLink.Engine;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version1;
using Rx.IotLink.Protocol.Version2;

namespace Rx.IotLink.Tests.Engine;

/// <summary>What an engine does not show: of which phase it is, and where its lines are.</summary>
internal static class Inside
{
    public static IProtocol ProtocolOf(LinkEngine engine) => Protocol(engine);

    /// <summary>The protocol that has the lines: not the one that is spoken, until that is open.</summary>
    public static IProtocol HolderOf(LinkEngine engine) => Holder(engine);

    public static Outbox OutboxOf(LinkEngine engine) => Outbox(engine);

    public static string PhaseOf(LinkEngine engine) => Protocol(engine) switch
    {
        Version1Protocol one => Phase(one).ToString(),
        Version2Protocol two => Phase(two).ToString(),
        var other => throw new InvalidOperationException($"{other.GetType()} is no protocol that is known here."),
    };

    /// <summary>The epoch of this end's memory, where it speaks protocol 2.</summary>
    public static ulong? EpochOf(LinkEngine engine) => Protocol(engine) is Version2Protocol two ? Epoch(two) : null;

    /// <summary>How many lines it remembers that were taken back from the store alone.</summary>
    public static int TakenBackOf(LinkEngine engine)
    {
        var kept = typeof(LinkEngine).GetField("kept", BindingFlags.Instance | BindingFlags.NonPublic)!.GetValue(engine)!;
        return (int)kept.GetType().GetProperty("TakenBack")!.GetValue(kept)!;
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "protocol")]
    private static extern ref IProtocol Protocol(LinkEngine engine);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "holder")]
    private static extern ref IProtocol Holder(LinkEngine engine);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "outbox")]
    private static extern ref Outbox Outbox(LinkEngine engine);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "phase")]
    private static extern ref IotLink.Protocol.Version1.Phase Phase(Version1Protocol protocol);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "phase")]
    private static extern ref IotLink.Protocol.Version2.Phase Phase(Version2Protocol protocol);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "epoch")]
    private static extern ref ulong Epoch(Version2Protocol protocol);
}
