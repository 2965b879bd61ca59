namespace Rx.IotLink.Tests.Simulation.Planted;

/// <summary>The bugs that the soak must find.</summary>
internal static partial class PlantedBugs
{
    private static readonly int[] Both = [1, 2];

    /// <summary>All of them.</summary>
    public static IReadOnlyList<PlantedBug> All { get; } = [.. OfTheLink, .. OfProtocol1, .. OfProtocol2, .. OfTheJournal, .. OfGivenUpLines, .. OfAccepting];

    /// <summary>Mistakes that have nothing to do with what is said on the wire.</summary>
    private static PlantedBug[] OfTheLink =>
    [
        new("does not begin the silence anew with what it hears", Both, "Rx.IotLink/Link/Link.Serving.cs",
            new Edit("from.Heard(now);", "")),
        new("declares an outage a keepalive too late", Both, "Rx.IotLink/Link/Link.Serving.cs",
            new Edit("opened.WatchSilence(engine.Timeout);", "opened.WatchSilence(1.25 * engine.Timeout);")),
        new("declares an outage too early", Both, "Rx.IotLink/Time/Liveness.cs",
            new Edit("SilentAt => HeardAt + Limit", "SilentAt => HeardAt + (0.9 * Limit)")),
        new("sends no keepalives", Both, "Rx.IotLink/Link/Link.Serving.cs",
            new Edit("opened.StartKeepalives(engine.Timeout / 4, engine.KeepaliveAlways);", "")),
        new("sends keepalives no more often than the peer's patience lasts", Both, "Rx.IotLink/Link/Link.Serving.cs",
            new Edit("engine.Timeout / 4", "engine.Timeout")),
        new("goes on sending keepalives when the connection is over", Both, "Rx.IotLink/Link/ServedConnection.cs",
            new Edit("Volatile.Read(ref keepalives)?.Dispose();", "")),
        new("does not release a connection that is over", Both, "Rx.IotLink/Link/ServedConnection.cs",
            new Edit("connection.Dispose();\n        Interlocked", "Interlocked")),
        new("keeps observers after their end", Both, "Rx.IotLink/Link/Broadcast.cs",
            new Edit("source.subscriptions = source.subscriptions.Remove(this);", "_ = this;")),
        new("never lets its back-off begin anew", Both, "Rx.IotLink/Client/IotLinkClient.cs",
            new Edit("failures = lasted ? 0 : failures + 1;", "failures++;")),
        new("completes a write twice", Both, "Rx.IotLink/Link/PendingWrite.cs",
            new Edit("observer.OnNext(Unit.Default);", "observer.OnNext(Unit.Default); observer.OnNext(Unit.Default);")),
        new("never completes a write", Both, "Rx.IotLink/Link/PendingWrite.cs",
            new Edit("observer.OnNext(Unit.Default);", "")),
        new("ignores the bound of its inbox", [2], "Rx.IotLink/Engine/LinkEngine.Host.cs",
            new Edit("waiting >= limits.InboxLines ||", "waiting >= int.MaxValue ||")),
        new("takes a line that its inbox has no room for, and drops it", Both, "Rx.IotLink/Engine/LinkEngine.Host.cs",
            new Edit("counts.LinesWithheld++;\n            return false;", "return true;")),
        new("has no more patience with a long line on a slow path than with a short one", Both, "Rx.IotLink/Protocol/Repetition.cs",
            new Edit("timeout + TimeSpan.FromSeconds(line.Bytes / SlowestBytesPerSecond)", "timeout")),
        new("puts one line in seven before all that wait", Both, "Rx.IotLink/Protocol/Outbox.cs",
            new Edit(
                "Stamp(line);",
                "Stamp(line); if (tickets % 7 == 0) { PutBack([line]); return; }")),
    ];
}
