using System.Text;

namespace Rx.IotLink.Nats.Log;

/// <summary>The kinds of messages in the log of a device.</summary>
internal enum EntryKind : byte
{
    /// <summary>Nothing that is known.</summary>
    None = 0,

    /// <summary>A claim. Its token is the sequence of the message.</summary>
    Claim = 1,

    /// <summary>Records, in their order.</summary>
    Records = 2,

    /// <summary>The memory without its lines. From here on the log says all anew, up to <see cref="End"/>.</summary>
    Begin = 3,

    /// <summary>All lines are there. What is before <see cref="Begin"/> may be deleted.</summary>
    End = 4,

    /// <summary>The memory is deleted.</summary>
    Forget = 5,

    /// <summary>A piece of a message that is too long for one.</summary>
    Piece = 7,

    /// <summary>The last piece: with those before it, it is a message.</summary>
    LastPiece = 8,

    /// <summary>Lines of the memory that <see cref="Begin"/> has begun to say anew.</summary>
    Part = 6,
}

/// <summary>The bytes of one message. All numbers have a fixed width, so that a damaged one is found.</summary>
internal static class Entry
{
    private const byte Version = 1;

    /// <summary>The version, the kind and the token.</summary>
    private const int Head = 2 + sizeof(long);

    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>A message without more.</summary>
    public static byte[] Of(EntryKind kind, long token, string node = "") => Write(kind, token, to => to.Write(node));

    /// <summary>The memory without its lines.</summary>
    public static byte[] Begin(Memory memory) => Write(EntryKind.Begin, memory.Token, to =>
    {
        Write(to, memory.Numbers.Epoch);
        to.Write(memory.Numbers.First);
        Write(to, memory.Numbers.PeerEpoch);
        to.Write(memory.Numbers.Accepted);
        to.Write(memory.Numbers.Connections);
        to.Write(memory.Numbers.LastPosition);
    });

    /// <summary>Messages of records, each at most about so many bytes; one record is never divided.</summary>
    public static List<(byte[] Bytes, List<SessionRecord> Records)> Of(EntryKind kind, long token, IReadOnlyList<SessionRecord> records, int most)
    {
        var messages = new List<(byte[], List<SessionRecord>)>();
        for (var at = 0; at < records.Count;)
        {
            var some = new List<SessionRecord>();
            var bytes = Write(kind, token, to =>
            {
                for (; at < records.Count && (some.Count == 0 || to.BaseStream.Length + Size(records[at]) <= most); at++)
                {
                    some.Add(records[at]);
                    Write(to, records[at]);
                }
            });
            messages.Add((bytes, some));
        }

        return messages;
    }

    /// <summary>A message as it is appended: whole, or in pieces of at most so many bytes.</summary>
    public static IEnumerable<byte[]> Pieces(byte[] bytes, int most)
    {
        if (bytes.Length <= most)
            return [bytes];
        var pieces = bytes.Chunk(most - Head - sizeof(int)).ToArray();
        var token = BitConverter.ToInt64(bytes, Head - sizeof(long));
        return pieces.Select((piece, at) => Write(at == pieces.Length - 1 ? EntryKind.LastPiece : EntryKind.Piece, token, to =>
        {
            to.Write(at);
            to.Write(piece);
        }));
    }

    /// <summary>
    /// Adds a piece to those before it. The first one begins anew: a writer may have died, or failed and begun again.
    /// </summary>
    public static void AddTo(List<byte[]> pieces, ReadOnlySpan<byte> bytes)
    {
        var at = bytes.Length >= Head + sizeof(int) ? BitConverter.ToInt32(bytes[Head..]) : -1;
        if (at == 0)
            pieces.Clear();
        if (at != pieces.Count)
            throw new InvalidDataException("it is a piece without those before it");
        pieces.Add(bytes[(Head + sizeof(int))..].ToArray());
    }

    /// <summary>What a message is.</summary>
    public static EntryKind KindOf(ReadOnlySpan<byte> bytes) => bytes.Length > 1 ? (EntryKind)bytes[1] : EntryKind.None;

    /// <summary>Reads a message into a memory.</summary>
    /// <exception cref="InvalidDataException">It is not one of these messages.</exception>
    public static void Read(ReadOnlyMemory<byte> bytes, long sequence, Memory into)
    {
        try
        {
            using var from = new BinaryReader(new MemoryStream(bytes.ToArray(), writable: false), Utf8);
            if (from.ReadByte() is not Version and var version)
                throw new InvalidDataException($"it has the version {version}, and this library knows {Version}");
            var (kind, token) = ((EntryKind)from.ReadByte(), from.ReadInt64());
            into.Token = kind == EntryKind.Claim ? sequence : token;
            switch (kind)
            {
                case EntryKind.Records or EntryKind.Part:
                    while (from.BaseStream.Position < from.BaseStream.Length)
                        into.Apply(ReadRecord(from));
                    break;
                case EntryKind.Begin:
                    (into.Numbers.Epoch, into.Numbers.First, into.Numbers.PeerEpoch) = (ReadUnsigned(from), from.ReadUInt64(), ReadUnsigned(from));
                    (into.Numbers.Accepted, into.Numbers.Connections, into.Numbers.LastPosition) = (from.ReadUInt64(), from.ReadUInt64(), from.ReadInt64());
                    break;
                case EntryKind.Claim or EntryKind.End or EntryKind.Forget:
                    break;
                default:
                    throw new InvalidDataException($"it has the kind {(byte)kind}");
            }
        }
        catch (Exception e) when (e is EndOfStreamException or DecoderFallbackException or ArgumentException or FormatException)
        {
            throw new InvalidDataException("it is not whole", e);
        }
    }

    private static byte[] Write(EntryKind kind, long token, Action<BinaryWriter> write)
    {
        using var stream = new MemoryStream();
        using var to = new BinaryWriter(stream, Utf8);
        to.Write(Version);
        to.Write((byte)kind);
        to.Write(token);
        write(to);
        to.Flush();
        return stream.ToArray();
    }

    private static int Size(in SessionRecord record) => 64 + (3 * ((record.Text?.Length ?? 0) + (record.Key?.Length ?? 0)));

    private static void Write(BinaryWriter to, in SessionRecord record)
    {
        to.Write((byte)record.Kind);
        to.Write(record.Position);
        to.Write(record.Number);
        to.Write(record.Epoch);
        Write(to, record.Text);
        Write(to, record.Key);
        Write(to, unchecked((ulong?)record.Expires?.UtcTicks));
    }

    private static SessionRecord ReadRecord(BinaryReader from) => new(
        (SessionRecordKind)from.ReadByte(), from.ReadInt64(), from.ReadUInt64(), from.ReadUInt64(), ReadText(from), Key: ReadText(from),
        Expires: ReadUnsigned(from) is { } ticks ? new DateTimeOffset((long)ticks, TimeSpan.Zero) : null);

    private static void Write(BinaryWriter to, ulong? value)
    {
        to.Write(value is not null);
        to.Write(value ?? 0);
    }

    private static ulong? ReadUnsigned(BinaryReader from) => (from.ReadBoolean(), from.ReadUInt64()) is (true, var value) ? value : null;

    private static void Write(BinaryWriter to, string? text)
    {
        to.Write(text is not null);
        to.Write(text ?? "");
    }

    private static string? ReadText(BinaryReader from) => (from.ReadBoolean(), from.ReadString()) is (true, var text) ? text : null;
}
