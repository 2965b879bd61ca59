using System.Globalization;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version1;
using Rx.IotLink.Tests.Protocol.Driving;

namespace Rx.IotLink.Tests.Protocol.Replaying;

/// <summary>
/// One of our ends in the place of one of the ancestor's: it is given what arrived there, when it arrived, its
/// application writes a line whenever the recorded one did, and accepts at once.
/// </summary>
internal sealed class Replay
{
    private readonly Capture capture;
    private readonly Side side;
    private readonly ProtocolDriver end;
    private readonly HashSet<string> written = [];
    private readonly List<(TimeSpan At, string Entry)> log = [];
    private bool connected;

    private Replay(Capture capture, Side side)
    {
        (this.capture, this.side) = (capture, side);
        end = new ProtocolDriver(side, capture.T, id: capture.Id);
    }

    /// <summary>The bytes and events of our end with their times, by the clock of the recording.</summary>
    public IReadOnlyList<(TimeSpan At, string Entry)> Log => log;

    public IEnumerable<string> Delivered => log.Where(l => l.Entry.StartsWith("line ", StringComparison.Ordinal)).Select(l => l.Entry[5..]);

    /// <summary>The lines it said.</summary>
    public IEnumerable<(TimeSpan At, string Text)> Said => log.Where(l => l.Entry.StartsWith("> ", StringComparison.Ordinal)).Select(l => (l.At, l.Entry[2..]));

    public IEnumerable<(TimeSpan At, string Text)> Acknowledgements => Said.Where(l => l.Text.Length == 2);

    public IEnumerable<(TimeSpan At, string Text)> Messages => Said.Where(l => l.Text.Length > 2 && l.Text != capture.Id);

    /// <summary>Why the id was refused, if it was; the session is replayed all the same.</summary>
    public string? IdRefused { get; private set; }

    public static Replay Of(Capture capture, Side side) => Of(capture, side, capture.Connections);

    public static Replay Of(Capture capture, Side side, params int[] connections)
    {
        var replay = new Replay(capture, side);
        foreach (var record in capture.Records.Where(r => connections.Contains(r.Connection)))
            replay.Play(record);
        return replay;
    }

    /// <summary>What the ancestor's application was given in the place of ours.</summary>
    public static IEnumerable<string> DeliveredByTheAncestor(Capture capture, Side side)
    {
        var filter = new AncestorFilter();
        return capture.Messages(side == Side.Server ? Direction.ToServer : Direction.ToClient)
            .Where(l => !l.IsLost && filter.IsNew(byte.Parse(l.Text.AsSpan(0, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture)))
            .Select(l => l.Text[2..])
            .ToList();
    }

    private Direction Inward => side == Side.Server ? Direction.ToServer : Direction.ToClient;

    private void Play(CaptureRecord record)
    {
        PassTimeUntil(record.At);
        if (record.IsEnd)
            Do(End);
        else if (record.Direction == Inward && !record.IsLost)
            Do(() => Arrive(record.Bytes));
        else if (record.Direction is { } direction && direction != Inward)
            Do(() => Speak(record));
    }

    private void Arrive(byte[] bytes)
    {
        if (side == Side.Server && !connected)
        {
            bytes = ReadId(bytes);
            end.Connect();
            connected = true;
        }

        if (bytes.Length > 0)
            end.Receive(bytes);
        end.AcceptAll();
    }

    private byte[] ReadId(byte[] bytes)
    {
        var rest = Pieces.Of(bytes);
        try
        {
            FirstLine.TryRead(ref rest, LinkId.MaxBytes, out var first);
            IdOpening.Read(first, LinkId.MaxBytes);
        }
        catch (ProtocolException refusal)
        {
            IdRefused = refusal.Message;
        }

        return bytes[(Array.IndexOf(bytes, (byte)'\n') + 1)..];
    }

    /// <summary>The recorded end spoke: it connected, or its application wrote.</summary>
    private void Speak(CaptureRecord record)
    {
        if (side == Side.Client && !connected)
        {
            end.Connect();
            connected = true;
            return;
        }

        foreach (var line in record.Lines().Where(l => l.Text.Length > 2 && written.Add(l.Text)))
            end.Write(line.Text[2..], capture.Writes.Delivery, capture.Writes.Ordering);
    }

    private void End()
    {
        if (connected)
            end.Disconnect();
        connected = false;
    }

    private void PassTimeUntil(TimeSpan at)
    {
        while (end.Protocol.Deadline is { } due && due < at)
        {
            end.Advance(due - end.Now);
            Note();
        }

        end.Advance(at - end.Now);
        Note();
    }

    private void Do(Action action)
    {
        action();
        Note();
    }

    private void Note() => log.AddRange(end.Take().Select(entry => (end.Now, entry)));
}
