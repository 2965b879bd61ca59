using SQLitePCL;

namespace Rx.IotLink.Sqlite.Database;

/// <summary>The tables, and the steps from any older version to them.</summary>
internal static class Schema
{
    /// <summary>"IoLk": the application id in the file's header.</summary>
    public const int ApplicationId = 0x496F4C6B;

    /// <summary>
    /// Each step changes a file from the version with its index to the next one. Steps never change.
    /// </summary>
    private static readonly string[] Steps =
    [
        // A number of 64 bits without sign is kept as the signed one of the same bits. store.openings counts how often
        // the file was opened: claims of an earlier process are lower than all later ones. lines.expires counts 100 ns
        // since 1970.
        """
        CREATE TABLE store (only INTEGER PRIMARY KEY CHECK (only = 1), openings INTEGER NOT NULL) STRICT;
        INSERT INTO store VALUES (1, 0);
        CREATE TABLE sessions (
            session INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            token INTEGER NOT NULL,
            epoch INTEGER,
            first INTEGER NOT NULL,
            peer_epoch INTEGER,
            accepted INTEGER NOT NULL,
            connections INTEGER NOT NULL,
            last_position INTEGER NOT NULL,
            checksum INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE lines (
            session INTEGER NOT NULL REFERENCES sessions ON DELETE CASCADE,
            position INTEGER NOT NULL,
            text TEXT NOT NULL,
            expires INTEGER,
            checksum INTEGER NOT NULL,
            PRIMARY KEY (session, position)
        ) STRICT, WITHOUT ROWID;
        """,
        // Of a line that a newer one of its key replaces; found by the index when a device comes back.
        """
        ALTER TABLE lines ADD COLUMN key TEXT;
        CREATE INDEX keyed_lines ON lines (session, position) WHERE key IS NOT NULL;
        """,
        // Whether the file is a copy, and was not opened since: what it remembers may be older than what peers do.
        """
        ALTER TABLE store ADD COLUMN copied INTEGER NOT NULL DEFAULT 0;
        """,
        // The fleet in one process: lines that were written for devices, and lines that devices sent. An entry is never
        // given twice, also if the rows behind it are deleted. fleet_receipts counts the received lines of a claim, so
        // that a batch that comes twice adds none twice. Times count milliseconds since 1970.
        """
        CREATE TABLE fleet_outbox (
            entry INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL,
            text TEXT NOT NULL,
            written INTEGER NOT NULL,
            refused TEXT,
            checksum INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX waiting_entries ON fleet_outbox (id, entry) WHERE refused IS NULL;
        CREATE TABLE fleet_inbox (
            entry INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL,
            epoch INTEGER NOT NULL,
            number INTEGER NOT NULL,
            text TEXT NOT NULL,
            received INTEGER NOT NULL,
            checksum INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE fleet_receipts (
            session INTEGER PRIMARY KEY REFERENCES sessions ON DELETE CASCADE,
            token INTEGER NOT NULL,
            received INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE fleet_cursors (consumer TEXT PRIMARY KEY, entry INTEGER NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE fleet_set_aside (
            consumer TEXT NOT NULL,
            entry INTEGER NOT NULL,
            id TEXT NOT NULL,
            epoch INTEGER NOT NULL,
            number INTEGER NOT NULL,
            text TEXT NOT NULL,
            received INTEGER NOT NULL,
            checksum INTEGER NOT NULL,
            attempts INTEGER NOT NULL,
            due INTEGER NOT NULL,
            error TEXT,
            dead INTEGER,
            PRIMARY KEY (consumer, entry)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX waiting_set_aside ON fleet_set_aside (consumer, id, entry) WHERE dead IS NULL;
        """,
        // Lines of the outbox may expire, and may have a key.
        """
        ALTER TABLE fleet_outbox ADD COLUMN expires INTEGER;
        ALTER TABLE fleet_outbox ADD COLUMN key TEXT;
        CREATE INDEX expiring_entries ON fleet_outbox (expires) WHERE expires IS NOT NULL AND refused IS NULL;
        CREATE INDEX keyed_entries ON fleet_outbox (id, key) WHERE key IS NOT NULL AND refused IS NULL;
        """,
    ];

    // An application may have tables of its own in the file, with triggers.
    private const string ForeignTriggers =
        "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND (tbl_name COLLATE NOCASE IN ('store', 'sessions', 'lines') OR tbl_name LIKE 'fleet!_%' ESCAPE '!')";

    /// <summary>The version that this library writes.</summary>
    public static int Version => Steps.Length;

    /// <summary>
    /// Makes the tables, or brings them up to date. Changes nothing in a file that is not a session store's.
    /// </summary>
    /// <param name="connection">The file.</param>
    /// <param name="faults">Makes the exceptions.</param>
    /// <param name="check">Whether an older file is read as a whole before it is changed for good.</param>
    /// <exception cref="SessionStoreException">
    /// It belongs to another program, or to a newer library, or an older one is damaged.
    /// </exception>
    public static void Migrate(Connection connection, StoreFaults faults, bool check)
    {
        var owner = connection.Number("PRAGMA application_id");
        var version = connection.Number("PRAGMA user_version");
        var isNew = owner == 0 && version == 0 && connection.Number("SELECT count(*) FROM sqlite_schema") == 0;
        if (owner != ApplicationId && !isNew)
            throw faults.Damaged($"is the database of another program (application id {owner})");
        if (version > Version)
            throw faults.Newer(version, Version);
        if (version < 0 || (version == 0 && !isNew))
            throw faults.Damaged($"has version {version} of the tables, which never was");
        if (connection.Text(ForeignTriggers) is { Length: > 0 } trigger)
            throw faults.Damaged($"has a trigger ('{Protocol.Printable.Of(trigger, 40)}') that this library did not make");
        if (version == Version)
            return;

        connection.InTransaction(() =>
        {
            connection.Execute($"PRAGMA application_id = {ApplicationId}");
            for (; version < Version; version++)
                connection.Execute(Steps[version]);
            connection.Execute($"PRAGMA user_version = {Version}");
            if (check && !isNew)
                FullCheck.Run(connection, faults);
        });
    }
}
