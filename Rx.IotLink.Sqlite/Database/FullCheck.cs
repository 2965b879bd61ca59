using System.Text;
using Rx.IotLink.Protocol;

namespace Rx.IotLink.Sqlite.Database;

/// <summary>Reads a whole file, and finds all data that differ from what was written.</summary>
internal static class FullCheck
{
    /// <summary>Checks the structure, then each row.</summary>
    /// <exception cref="SessionStoreException">It is damaged.</exception>
    public static void Run(Connection connection, StoreFaults faults)
    {
        var said = connection.Text("PRAGMA integrity_check(1)");
        if (said != "ok")
            throw faults.Damaged($"is damaged (SQLite's check: {Printable.Of(said)})");

        using (var sessions = new Statement(connection.Handle, $"SELECT {SessionRow.Columns} FROM sessions"))
        {
            while (sessions.Step())
            {
                var row = SessionRow.Read(sessions) ?? throw faults.Damaged($"is damaged: the row of session {sessions.Long(0)} is not as it was written");
                row.Check(faults);
            }
        }

        InboxRow.CheckAll(connection, faults);
        OutboxRows.CheckAll(connection, faults);
        using var lines = new Statement(connection.Handle, """
            SELECT l.session, l.position, l.text, l.expires, l.checksum, s.id, l.key, s.last_position FROM lines l LEFT JOIN sessions s ON s.session = l.session
            """);
        while (lines.Step())
        {
            var (session, position) = (lines.Long(0), lines.Long(1));
            var (expires, key) = (lines.LongOrNull(3), lines.BytesOrNull(6));
            var text = lines.Utf8(2);
            if (lines.Long(4) != Checksum.OfLine(session, position, text, expires, key) || lines.IsNull(5))
                throw faults.Damaged($"is damaged: the line of session {session} at position {position} is not as it was written");
            // The order of positions is SQLite's: they are the key of the table.
            _ = RowRules.Line(Encoding.UTF8.GetString(lines.Utf8(5)), after: 0, lines.Long(7), position, text, expires, key, faults);
        }
    }
}
