using System.Text;

namespace Rx.IotLink.Sqlite.Database;

/// <summary>The connection that reads. It waits for no commit, and no commit waits for it.</summary>
internal sealed class Reader : IDisposable
{
    private readonly Connection connection;
    private readonly StoreFaults faults;
    private readonly Statement lines;
    private readonly Statement count;
    private readonly Statement keys;
    private readonly Statement ids;

    /// <summary>Prepares to read.</summary>
    /// <param name="connection">The reader owns it, also when this throws.</param>
    /// <param name="faults">Makes its exceptions.</param>
    public Reader(Connection connection, StoreFaults faults)
    {
        (this.connection, this.faults) = (connection, faults);
        try
        {
            connection.Execute("PRAGMA query_only = ON");
            // One statement, so that the claim and the lines are from the same moment.
            lines = connection.Prepare("""
                SELECT l.session, l.position, l.text, l.expires, l.checksum, l.key, s.last_position FROM sessions s JOIN lines l ON l.session = s.session
                WHERE s.id = ?1 AND s.token = ?2 AND l.position > ?3 ORDER BY l.position LIMIT ?4
                """);
            keys = connection.Prepare("""
                SELECT l.position, l.key, octet_length(l.text) FROM sessions s JOIN lines l INDEXED BY keyed_lines ON l.session = s.session
                WHERE s.id = ?1 AND s.token = ?2 AND l.position > ?3 AND l.key IS NOT NULL ORDER BY l.position
                """);
            // A negative one is a number without sign that is greater than all.
            ids = connection.Prepare("SELECT id FROM sessions WHERE connections >= ?1 OR connections < 0");
            Fleet = new(connection, faults);
            count = connection.Prepare("SELECT count(*), coalesce(sum(octet_length(text)), 0) FROM lines WHERE session = ?1");
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>What consumers and links take.</summary>
    public FleetReader Fleet { get; }

    /// <summary>How many lines of a session wait, and how many bytes they have.</summary>
    public (long Lines, long Bytes) Count(long session)
    {
        _ = count.Bind(1, session).Step();
        var counted = (count.Long(0), count.Long(1));
        count.Reset();
        return counted;
    }

    /// <summary>Finds the sessions with at least so great a number of connections.</summary>
    public IReadOnlyList<string> FindIds(long least, CancellationToken cancellationToken)
    {
        var found = new List<string>();
        ids.Bind(1, least);
        try
        {
            while (ids.Step())
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (Protocol.Utf8.Decode(ids.Utf8(0)) is { } id)
                    found.Add(id);
            }
        }
        finally
        {
            ids.Reset();
        }

        return found;
    }

    /// <summary>Reads lines, oldest first.</summary>
    public IReadOnlyList<StoredLine> Read(SessionClaim claim, long after, int most, CancellationToken cancellationToken)
    {
        var read = new List<StoredLine>();
        lines.Bind(1, Encoding.UTF8.GetBytes(claim.Id)).Bind(2, claim.Token).Bind(3, after).Bind(4, most);
        try
        {
            while (lines.Step())
            {
                cancellationToken.ThrowIfCancellationRequested();
                // A page that is the same in two reads has complete lines.
                read.Add(Line(claim.Id, read.Count > 0 ? read[^1].Position : Math.Max(after, 0)));
            }
        }
        finally
        {
            lines.Reset();
        }

        return read;
    }

    /// <summary>Reads the keys of lines, oldest first.</summary>
    public IReadOnlyList<StoredKey> ReadKeys(SessionClaim claim, long after, CancellationToken cancellationToken)
    {
        var read = new List<StoredKey>();
        keys.Bind(1, Encoding.UTF8.GetBytes(claim.Id)).Bind(2, claim.Token).Bind(3, after);
        try
        {
            while (keys.Step())
            {
                cancellationToken.ThrowIfCancellationRequested();
                read.Add(new(RowRules.Key(keys.Utf8(1), claim.Id, keys.Long(0), faults), keys.Long(0), (int)keys.Long(2)));
            }
        }
        finally
        {
            keys.Reset();
        }

        return read;
    }

    public void Dispose() => connection.Dispose();

    private StoredLine Line(string id, long after)
    {
        var (session, position, expires) = (lines.Long(0), lines.Long(1), lines.LongOrNull(3));
        var key = lines.BytesOrNull(5);
        var text = lines.Utf8(2);
        if (lines.Long(4) != Checksum.OfLine(session, position, text, expires, key))
            throw faults.Damaged($"is damaged: the line of session {session} at position {position} is not as it was written");
        return RowRules.Line(id, after, lines.Long(6), position, text, expires, key, faults);
    }
}
