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
                if (SessionRow.Read(sessions) is null)
                    throw faults.Damaged($"is damaged: the row of session {sessions.Long(0)} is not as it was written");
            }
        }

        using var lines = new Statement(connection.Handle, """
            SELECT session, position, text, expires, checksum, session IN (SELECT session FROM sessions), key FROM lines
            """);
        while (lines.Step())
        {
            var (session, position) = (lines.Long(0), lines.Long(1));
            if (lines.Long(4) != Checksum.OfLine(session, position, lines.Utf8(2), lines.LongOrNull(3), lines.BytesOrNull(6)) || lines.Long(5) == 0)
                throw faults.Damaged($"is damaged: the line of session {session} at position {position} is not as it was written");
        }
    }
}
