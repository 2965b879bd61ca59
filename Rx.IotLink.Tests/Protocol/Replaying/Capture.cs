using System.Globalization;
using System.Text;
using Rx.IotLink.Tests.Protocol.Driving;

namespace Rx.IotLink.Tests.Protocol.Replaying;

/// <summary>
/// A recorded session of the ancestor, both of its ends unmodified. What each is about is said in its file.
/// </summary>
internal sealed class Capture
{
    /// <summary>Every capture.</summary>
    public static readonly string[] Names =
    [
        "startup", "qos_both", "nonqos", "fast", "retrans", "nowait_loss_order", "reconnect_kill", "reconnect_blackhole", "duplicate_id", "unknown_id",
        "empty_id", "wrap", "timeout_500",
    ];

    private Capture(string name, IReadOnlyList<CaptureRecord> records) => (Name, Records) = (name, records);

    public string Name { get; }

    public IReadOnlyList<CaptureRecord> Records { get; }

    public TimeSpan T => TimeSpan.FromMilliseconds(Name == "timeout_500" ? 500 : 2_000);

    /// <summary>The deliveries its applications asked for.</summary>
    public (Delivery Delivery, Ordering Ordering) Writes => Name switch
    {
        "nonqos" => (Delivery.BestEffort, Ordering.Ordered),
        "fast" or "nowait_loss_order" or "empty_id" => (Delivery.ExactlyOnce, Ordering.Concurrent),
        _ => (Delivery.ExactlyOnce, Ordering.Ordered),
    };

    public static Capture Read(string name)
    {
        using var stream = typeof(Capture).Assembly.GetManifestResourceStream(name + ".txt") ?? throw new FileNotFoundException(name);
        using var reader = new StreamReader(stream, Encoding.ASCII);
        var records = new List<CaptureRecord>();
        while (reader.ReadLine() is { } line)
        {
            if (line[0] != '#')
                records.Add(CaptureRecord.Parse(line));
        }

        return new Capture(name, records);
    }

    /// <summary>The records of one connection.</summary>
    public IEnumerable<CaptureRecord> Of(int connection) => Records.Where(r => r.Connection == connection);

    /// <summary>All bytes of one direction of one connection that arrived.</summary>
    public byte[] Arrived(Direction direction, int connection) =>
        [.. Of(connection).Where(r => r.Direction == direction && !r.IsLost).SelectMany(r => r.Bytes)];

    /// <summary>The id that its client says.</summary>
    public string Id => Records.First(r => r.Direction == Direction.ToServer).Lines().First().Text;

    /// <summary>
    /// The connections of its one client, in order. In one capture another client comes, and is not let in.
    /// </summary>
    public int[] Connections => Name == "duplicate_id" ? [1] : [.. Records.Select(r => r.Connection).Distinct()];

    /// <summary>The messages said in one direction, also those that were lost, in the order they were said.</summary>
    public IEnumerable<CaptureLine> Messages(Direction direction) => Said(direction).Where(l => l.Text.Length > 2);

    /// <summary>The acknowledgements said in one direction, also those that were lost.</summary>
    public IEnumerable<CaptureLine> Acknowledgements(Direction direction) => Said(direction).Where(l => l.Text.Length == 2);

    private IEnumerable<CaptureLine> Said(Direction direction) => Connections.SelectMany(connection =>
        Of(connection).Where(r => r.Direction == direction).SelectMany(r => r.Lines()).Skip(direction == Direction.ToServer ? 1 : 0));
}

internal enum Direction
{
    ToServer,
    ToClient,
}

/// <summary>A line that was said.</summary>
internal sealed record CaptureLine(TimeSpan At, string Text, bool IsLost);

/// <summary>One record: bytes, or the beginning or end of a connection.</summary>
internal sealed record CaptureRecord(TimeSpan At, int Connection, string Kind, byte[] Bytes)
{
    public Direction? Direction => Kind[0] switch
    {
        '>' => Replaying.Direction.ToServer,
        '<' => Replaying.Direction.ToClient,
        _ => null,
    };

    public bool IsLost => Kind.EndsWith('!');

    public bool IsBegin => Kind == "+";

    public bool IsEnd => Kind == "-";

    public static CaptureRecord Parse(string line)
    {
        var parts = line.Split(' ', 4);
        return new CaptureRecord(
            TimeSpan.FromMilliseconds(int.Parse(parts[0], CultureInfo.InvariantCulture)),
            int.Parse(parts[1], CultureInfo.InvariantCulture),
            parts[2],
            parts.Length > 3 ? Escaped.ToBytes(parts[3]) : []);
    }

    /// <summary>The lines of this record; the ancestor never splits one over two.</summary>
    public IEnumerable<CaptureLine> Lines()
    {
        var text = Encoding.UTF8.GetString(Bytes);
        if (!text.EndsWith('\n'))
            throw new InvalidOperationException("A line is split over two records.");
        return text[..^1].Split('\n').Select(line => new CaptureLine(At, line, IsLost));
    }
}
