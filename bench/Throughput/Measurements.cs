using Rx.IotLink;
using Throughput.Kept;
using Throughput.Links;
using Throughput.Raw;

namespace Throughput;

/// <summary>All that can be measured.</summary>
internal static class Measurements
{
    public static IReadOnlyList<Measurement> All { get; } = [.. WithoutStores(), .. WithStores()];

    private static IEnumerable<Measurement> WithoutStores() =>
    [
        new("raw-32", "raw, 1 connection, 32 in flight", null, _ => new RawWorkload(1, 32)),
        new("link-32", "1 link, exactly once, 32 in flight", "raw-32", s => new WindowWorkload(s, 32)),
        new("raw-128", "raw, 1 connection, 128 in flight", null, _ => new RawWorkload(1, 128)),
        new("link-128", "1 link, exactly once, 128 in flight", "raw-128", s => new WindowWorkload(s, 128)),
        new("raw-256", "raw, 1 connection, 256 in flight", null, _ => new RawWorkload(1, 256)),
        new("link-256", "1 link, exactly once, 256 in flight", "raw-256", s => new WindowWorkload(s, 256)),
        new("utf8-256", "1 link, UTF-8 written and observed, 256 in flight", "raw-256", s => new Utf8WindowWorkload(s, 256)),
        new("raw-tls-256", "raw over TLS, 1 connection, 256 in flight", "raw-256", _ => new RawWorkload(1, 256, tls: true)),
        new("tls-256", "1 link over TLS, exactly once, 256 in flight", "raw-tls-256", s => new WindowWorkload(s, 256, tls: true)),
        new("best-effort", "1 link, best effort: handed to the connection", "raw-256", s => new WindowWorkload(s, 256, Delivery.BestEffort)),
        new("raw-together", "raw, 1 connection, 256 in flight, one acknowledgement a chunk", null, _ => new RawWorkload(1, 256, together: true)),
        new("linq", "1 link, 256 in flight, JSON, by device, 1 s windows", null, s => new LinqWorkload(s, 256)),
        new("raw-1", "raw, 1 connection, one at a time", null, _ => new RawWorkload(1, 1)),
        new("link-1", "1 link, one at a time", "raw-1", s => new OneAtATimeWorkload(s, 1)),
        new("reader-1", "1 link, one at a time, ReadLinesAsync", "raw-1", s => new OneAtATimeWorkload(s, 1, reader: true)),
        new("raw-100", "raw, 100 connections, one at a time each", null, _ => new RawWorkload(100, 1)),
        new("link-100", "100 links, one at a time each", "raw-100", s => new OneAtATimeWorkload(s, 100)),
        new("raw-1000", "raw, 1,000 connections, one at a time each", null, _ => new RawWorkload(1_000, 1)),
        new("link-1000", "1,000 links, one at a time each", "raw-1000", s => new OneAtATimeWorkload(s, 1_000)),
    ];

    /// <summary>Beside the same link without a store.</summary>
    private static IEnumerable<Measurement> WithStores() =>
        from link in new (string Name, string Description, Func<Settings, Memory, Workload> Create)[]
        {
            ("link-1", "1 link, one at a time", (s, memory) => new OneAtATimeWorkload(s, 1, memory: memory)),
            ("link-32", "1 link, 32 in flight", (s, memory) => new WindowWorkload(s, 32, memory: memory)),
            ("link-256", "1 link, 256 in flight", (s, memory) => new WindowWorkload(s, 256, memory: memory)),
            ("link-100", "100 links, one at a time each", (s, memory) => new OneAtATimeWorkload(s, 100, memory: memory)),
            ("link-1000", "1,000 links, one at a time each", (s, memory) => new OneAtATimeWorkload(s, 1_000, memory: memory)),
        }
        from store in new (string Name, string Description, Memory Memory)[]
        {
            ("memory", "store in memory", Memory.InMemory),
            ("sqlite-normal", "SQLite, Normal", Memory.SqliteNormal),
            ("sqlite", "SQLite, Full", Memory.SqliteFull),
        }
        select new Measurement($"{link.Name}-{store.Name}", $"{link.Description}, {store.Description}", link.Name, s => link.Create(s, store.Memory));
}
