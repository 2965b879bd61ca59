using System.Security.Cryptography;
using System.Text;

namespace Rx.IotLink.Sqlite.Database;

/// <summary>A row of <c>sessions</c>.</summary>
internal sealed class SessionRow
{
    /// <summary>The columns in the order in which <see cref="Read"/> expects them.</summary>
    public const string Columns = "session, id, token, epoch, first, peer_epoch, accepted, connections, last_position, checksum";

    /// <summary>The number of the session in <c>lines</c>.</summary>
    public long Session { get; init; }

    /// <summary>The device's id.</summary>
    public required byte[] Id { get; init; }

    /// <summary>The latest claim.</summary>
    public long Token { get; set; }

    /// <summary>Null: no epoch was begun.</summary>
    public ulong? Epoch { get; private set; }

    private ulong First { get; set; } = 1;

    private ulong? PeerEpoch { get; set; }

    private ulong Accepted { get; set; }

    private ulong Connections { get; set; }

    private long LastPosition { get; set; }

    /// <summary>Reads the current row of the statement.</summary>
    /// <returns>The row; null if its checksum is wrong.</returns>
    public static SessionRow? Read(Statement at)
    {
        var row = new SessionRow
        {
            Session = at.Long(0),
            Id = at.Utf8(1).ToArray(),
            Token = at.Long(2),
            Epoch = at.UnsignedOrNull(3),
            First = at.Unsigned(4),
            PeerEpoch = at.UnsignedOrNull(5),
            Accepted = at.Unsigned(6),
            Connections = at.Unsigned(7),
            LastPosition = at.Long(8),
        };
        return at.Long(9) == row.Checksum() ? row : null;
    }

    /// <summary>Holds it to the rules: its checksum does not.</summary>
    /// <exception cref="SessionStoreException">It breaks one.</exception>
    public void Check(StoreFaults faults)
    {
        if (Protocol.Utf8.Decode(Id) is not { Length: > 0 })
            throw faults.Damaged($"is damaged: the id of session {Session} ('{Protocol.Printable.Of(Encoding.UTF8.GetString(Id))}') is empty, or is not UTF-8");
        if (First == 0 || LastPosition < 0)
            throw faults.Damaged($"is damaged: {this} has the first number {First} and the last position {LastPosition}, which never were");
    }

    /// <summary>Binds all columns, from 1.</summary>
    public Statement BindTo(Statement statement) => statement
        .Bind(1, Session).Bind(2, Id).Bind(3, Token).Bind(4, Epoch).Bind(5, First).Bind(6, PeerEpoch)
        .Bind(7, Accepted).Bind(8, Connections).Bind(9, LastPosition).Bind(10, Checksum());

    /// <summary>
    /// Begins a new epoch in place of one that may be older than what peers remember of it. What was accepted stays.
    /// </summary>
    public void BeginAnew() => (Epoch, First) = (BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong))), 1);

    /// <summary>Applies a record; its line is handled elsewhere.</summary>
    public void Apply(in SessionRecord record)
    {
        switch (record.Kind)
        {
            case SessionRecordKind.Begin:
                (Epoch, First, PeerEpoch, Accepted) = (record.Epoch, 1, null, 0);
                break;
            case SessionRecordKind.Connect:
                Connections = record.Number;
                break;
            case SessionRecordKind.Add:
                LastPosition = Math.Max(LastPosition, record.Position);
                break;
            case SessionRecordKind.RemoveThrough:
                First = unchecked(record.Number + 1);
                break;
            case SessionRecordKind.Accept:
                (PeerEpoch, Accepted) = (record.Epoch, record.Number);
                break;
            case SessionRecordKind.Remove or SessionRecordKind.Forget or SessionRecordKind.Receive:
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(record), record.Kind, "A record of an unknown kind.");
        }
    }

    /// <summary>The memory of a claim.</summary>
    public SessionMemory ToMemory(long waiting, long waitingBytes) =>
        new(Epoch, First, PeerEpoch, Accepted, Connections, LastPosition, waiting, waitingBytes);

    /// <summary>A text that is safe in a message.</summary>
    public override string ToString() => $"session {Session} ('{Protocol.Printable.Of(Encoding.UTF8.GetString(Id))}')";

    private long Checksum()
    {
        var sum = new Checksum();
        sum.Add(Session);
        sum.Add(Id);
        sum.Add(Token);
        sum.Add(Epoch);
        sum.Add(First);
        sum.Add(PeerEpoch);
        sum.Add(Accepted);
        sum.Add(Connections);
        sum.Add(LastPosition);
        return sum.Value;
    }
}
