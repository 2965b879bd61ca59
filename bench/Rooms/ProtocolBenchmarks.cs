using System.Buffers;
using System.Globalization;
using System.Text;
using BenchmarkDotNet.Attributes;
using Rx.IotLink;
using Rx.IotLink.Protocol;

namespace Rooms;

/// <summary>The protocol room: lines of 32 bytes, all figures per line.</summary>
/// <remarks>
/// Ids and numbers go round (255 lines in protocol 1, 65,536 in protocol 2), so the bytes are made beforehand for one
/// round. They come in batches: 15 lines are what protocol 1 has in flight, and 128 half a window of protocol 2.
/// </remarks>
public class ProtocolBenchmarks
{
    private ProtocolEnd reader = null!;
    private ProtocolEnd writer = null!;
    private ReadOnlySequence<byte>[] received = [];
    private ReadOnlySequence<byte>[] acknowledged = [];
    private OutLine[] written = [];
    private int batch;
    private int read;
    private int wrote;

    [Params(1, 2)]
    public int Version { get; set; }

    [GlobalSetup]
    public void SetUp()
    {
        batch = Version == 2 ? 128 : 15;
        (reader, writer) = (new(Version), new(Version));
        var text = new string('x', 32);
        var round = Version == 2 ? 65_536 : 255;
        string Mark(int number) => Version == 2 ? (number & 0xffff).ToString("x4", CultureInfo.InvariantCulture) : number.ToString("x2", CultureInfo.InvariantCulture);
        string Line(int number) => Version == 2 ? $"+{Mark(number)}{text}\n" : $"{Mark(number)}{text}\n";
        // Protocol 2 acknowledges many with one word.
        string Acknowledgement(int[] numbers) => Version == 2 ? $"={Mark(numbers[^1])}\n" : string.Concat(numbers.Select(n => $"{Mark(n)}\n"));
        var numbers = Enumerable.Range(1, round).Chunk(batch).ToList();
        received = [.. numbers.Select(n => Bytes(string.Concat(n.Select(Line))))];
        acknowledged = [.. numbers.Select(n => Bytes(Acknowledgement(n)))];
        written = [.. Enumerable.Range(0, batch).Select(_ => new OutLine(text, text.Length, Delivery.ExactlyOnce, Ordering.Concurrent))];
    }

    /// <summary>Bytes to lines, and no more than that.</summary>
    [Benchmark(OperationsPerInvoke = 255)]
    public int Parse()
    {
        var count = 0;
        for (var at = 0; count < 255; at++)
        {
            using var lines = new LineReader(received[at]);
            while (count < 255 && lines.TryRead(4_005, out _))
                count++;
        }

        return count;
    }

    /// <summary>Received, delivered, accepted, acknowledged.</summary>
    [Benchmark(OperationsPerInvoke = 1_920)]
    public int ReceiveAcceptAcknowledge()
    {
        var said = 0;
        for (var lines = 0; lines < 1_920; lines += batch)
        {
            reader.Receive(received[read]);
            reader.Accept(batch);
            said += reader.Said();
            read = (read + 1) % received.Length;
        }

        return said;
    }

    /// <summary>Written, sent, and its acknowledgement taken.</summary>
    [Benchmark(OperationsPerInvoke = 1_920)]
    public int WriteSendFinish()
    {
        var said = 0;
        for (var lines = 0; lines < 1_920; lines += batch)
        {
            said += writer.Write(written);
            writer.Receive(acknowledged[wrote]);
            wrote = (wrote + 1) % acknowledged.Length;
        }

        return said;
    }

    private static ReadOnlySequence<byte> Bytes(string text) => new(Encoding.ASCII.GetBytes(text));
}
