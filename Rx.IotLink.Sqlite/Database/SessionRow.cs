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

    // What its records have made of it.
    private SessionNumbers Numbers { get; init; } = new();

    /// <summary>Reads the current row of the statement.</summary>
    /// <returns>The row; null if its checksum is wrong.</returns>
    public static SessionRow? Read(Statement at)
    {
        var row = new SessionRow
        {
            Session = at.Long(0),
            Id = at.Utf8(1).ToArray(),
            Token = at.Long(2),
            Numbers = new()
            {
                Epoch = at.UnsignedOrNull(3),
                First = at.Unsigned(4),
                PeerEpoch = at.UnsignedOrNull(5),
                Accepted = at.Unsigned(6),
                Connections = at.Unsigned(7),
                LastPosition = at.Long(8),
            },
        };
        return at.Long(9) == row.Checksum() ? row : null;
    }

    /// <summary>Holds it to the rules: its checksum does not.</summary>
    /// <exception cref="SessionStoreException">It breaks one.</exception>
    public void Check(StoreFaults faults)
    {
        if (Protocol.Utf8.Decode(Id) is not { Length: > 0 })
            throw faults.Damaged($"is damaged: the id of session {Session} ('{Protocol.Printable.Of(Encoding.UTF8.GetString(Id))}') is empty, or is not UTF-8");
        if (Numbers.First == 0 || Numbers.LastPosition < 0)
            throw faults.Damaged($"is damaged: {this} has the first number {Numbers.First} and the last position {Numbers.LastPosition}, which never were");
    }

    /// <summary>Binds all columns, from 1.</summary>
    public Statement BindTo(Statement statement) => statement
        .Bind(1, Session).Bind(2, Id).Bind(3, Token).Bind(4, Numbers.Epoch).Bind(5, Numbers.First).Bind(6, Numbers.PeerEpoch)
        .Bind(7, Numbers.Accepted).Bind(8, Numbers.Connections).Bind(9, Numbers.LastPosition).Bind(10, Checksum());

    /// <summary>
    /// Begins a new epoch in place of one that may be older than what peers remember of it. What was accepted stays.
    /// </summary>
    public void BeginAnew() => (Numbers.Epoch, Numbers.First) = (BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong))), 1);

    /// <summary>Applies a record; its line is handled elsewhere.</summary>
    public void Apply(in SessionRecord record) => Numbers.Apply(record);

    /// <summary>The memory of a claim.</summary>
    public SessionMemory ToMemory(long waiting, long waitingBytes) => Numbers.ToMemory(waiting, waitingBytes);

    /// <summary>A text that is safe in a message.</summary>
    public override string ToString() => $"session {Session} ('{Protocol.Printable.Of(Encoding.UTF8.GetString(Id))}')";

    private long Checksum()
    {
        var sum = new Checksum();
        sum.Add(Session);
        sum.Add(Id);
        sum.Add(Token);
        sum.Add(Numbers.Epoch);
        sum.Add(Numbers.First);
        sum.Add(Numbers.PeerEpoch);
        sum.Add(Numbers.Accepted);
        sum.Add(Numbers.Connections);
        sum.Add(Numbers.LastPosition);
        return sum.Value;
    }
}
