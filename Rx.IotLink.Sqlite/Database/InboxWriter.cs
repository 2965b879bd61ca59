using System.Text;

namespace Rx.IotLink.Sqlite.Database;

/// <summary>
/// What a batch does beside the sessions: received lines come into the inbox, others leave the outbox.
/// </summary>
internal sealed class InboxWriter
{
    private readonly Connection connection;
    private readonly Statement known;
    private readonly Statement note;
    private readonly Statement receive;
    private readonly Statement take;
    private readonly Statement forget;

    // Of the batch that is being written: how many lines of a session are kept.
    private readonly Dictionary<long, (long Token, long Place)> places = [];
    private long received;

    public InboxWriter(Connection connection)
    {
        this.connection = connection;
        known = connection.Prepare("SELECT received FROM fleet_receipts WHERE session = ?1 AND token = ?2");
        note = connection.Prepare("INSERT OR REPLACE INTO fleet_receipts (session, token, received) VALUES (?1, ?2, ?3)");
        receive = connection.Prepare("INSERT INTO fleet_inbox (id, epoch, number, text, received, checksum) VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
        take = connection.Prepare("DELETE FROM fleet_outbox WHERE entry = ?1 AND id = ?2");
        forget = connection.Prepare("DELETE FROM fleet_receipts WHERE session = ?1");
    }

    /// <summary>A batch begins.</summary>
    public void Begin()
    {
        places.Clear();
        received = 0;
    }

    /// <summary>
    /// Keeps a received line. One that an earlier call kept, which was reported as failed, is not kept again.
    /// </summary>
    public void Receive(SessionRow row, in SessionRecord record)
    {
        var text = record.Text ?? throw new ArgumentException($"The record of received line {record.Number} has no text.", nameof(record));
        if (!places.TryGetValue(row.Session, out var place))
            place = (row.Token, Known(row));
        if (record.Position > place.Place)
        {
            if (received == 0)
                received = connection.Number($"SELECT {InboxRow.Now}");
            var utf8 = Encoding.UTF8.GetBytes(text);
            receive.Bind(1, row.Id).Bind(2, record.Epoch).Bind(3, record.Number).Bind(4, utf8).Bind(5, received)
                .Bind(6, InboxRow.Checksum(row.Id, record.Epoch, record.Number, utf8, received)).Run();
            place.Place = record.Position;
        }

        places[row.Session] = place;
    }

    /// <summary>A line leaves the outbox of the fleet with the commit that keeps it for its link.</summary>
    public void Take(SessionRow row, long entry) => take.Bind(1, entry).Bind(2, row.Id).Run();

    /// <summary>The memory of a session is deleted.</summary>
    public void Forget(long session)
    {
        places.Remove(session);
        forget.Bind(1, session).Run();
    }

    /// <summary>The batch is complete.</summary>
    public void End()
    {
        foreach (var (session, (token, place)) in places)
            note.Bind(1, session).Bind(2, token).Bind(3, place).Run();
    }

    private long Known(SessionRow row)
    {
        if (!known.Bind(1, row.Session).Bind(2, row.Token).Step())
            return 0;
        var place = known.Long(0);
        known.Reset();
        return place;
    }
}
