using System.Globalization;
using System.Text;
using Npgsql;

namespace Rx.IotLink.PostgreSql.Database;

/// <summary>The tables, and the steps from any older version to them.</summary>
internal static class Schema
{
    /// <summary>The comment on the schema, by which it is known to be a session store's.</summary>
    public const string Mark = "Rx.IotLink session store";

    /// <summary>"IoLk" and the number 1: the advisory lock of those who bring tables up to date.</summary>
    private const long AdvisoryLock = 0x496F4C6B_00000001;

    /// <summary>
    /// Each step changes the tables from the version with its index to the next one. Steps never change. A step only
    /// adds what an older process does not miss: servers are brought up to date one by one.
    /// </summary>
    private static readonly string[] Steps =
    [
        // Ids, texts and keys are UTF-8 as bytes: a text of PostgreSQL holds no NUL, and not every database has UTF-8.
        // A number of 64 bits without sign is kept as the signed one of the same bits. expires counts 100 ns since
        // 1970. written is the number of the last call of the owner that wrote: an older one that comes late (its
        // server process was stopped, say) changes nothing. There is room in each page for the next version of a row.
        """
        CREATE TABLE {schema}.sessions (
            session bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            id bytea NOT NULL UNIQUE,
            token bigint NOT NULL,
            written bigint NOT NULL DEFAULT 0,
            epoch bigint,
            first bigint NOT NULL DEFAULT 1,
            peer_epoch bigint,
            accepted bigint NOT NULL DEFAULT 0,
            connections bigint NOT NULL DEFAULT 0,
            last_position bigint NOT NULL DEFAULT 0,
            node text NOT NULL,
            claimed timestamptz NOT NULL DEFAULT clock_timestamp()
        ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
        CREATE TABLE {schema}.lines (
            session bigint NOT NULL,
            position bigint NOT NULL,
            text bytea NOT NULL,
            expires bigint,
            key bytea,
            PRIMARY KEY (session, position)
        ) WITH (autovacuum_vacuum_scale_factor = 0.05);
        CREATE INDEX keyed_lines ON {schema}.lines (session, position) WHERE key IS NOT NULL;
        """,
        // Lines that any process wrote for a device. The server that has the device takes them into lines. refused: why
        // a line can never be sent; it stays for people.
        """
        CREATE TABLE {schema}.outbox (
            entry bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            id bytea NOT NULL,
            text bytea NOT NULL,
            written timestamptz NOT NULL DEFAULT clock_timestamp(),
            refused text
        ) WITH (autovacuum_vacuum_scale_factor = 0.05);
        CREATE INDEX waiting_entries ON {schema}.outbox (id, entry) WHERE refused IS NULL;
        """,
        // In which history of the database the row was claimed; null: an older library has made it.
        """
        ALTER TABLE {schema}.sessions ADD COLUMN history text;
        """,
        // The inbox: what devices sent, in the same commit as its acceptance. received counts the lines of a claim, so
        // that a batch that comes twice adds none twice. Consumers read each partition in the order of its entries.
        """
        ALTER TABLE {schema}.sessions ADD received bigint NOT NULL DEFAULT 0,
            ADD server uuid, ADD is_up boolean NOT NULL DEFAULT false, ADD since timestamptz, ADD outage text;
        CREATE TABLE {schema}.inbox (
            partition smallint NOT NULL,
            entry bigint GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME {schema}.inbox_entries),
            id bytea NOT NULL,
            epoch bigint NOT NULL,
            number bigint NOT NULL,
            text bytea NOT NULL,
            received timestamptz NOT NULL DEFAULT clock_timestamp(),
            PRIMARY KEY (partition, entry)
        ) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05);
        CREATE TABLE {schema}.members (
            member uuid PRIMARY KEY,
            consumer text NOT NULL,
            node text NOT NULL,
            until timestamptz NOT NULL
        );
        CREATE TABLE {schema}.cursors (
            consumer text NOT NULL,
            partition smallint NOT NULL,
            entry bigint NOT NULL,
            token bigint NOT NULL DEFAULT 0,
            member uuid,
            PRIMARY KEY (consumer, partition)
        ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
        CREATE TABLE {schema}.set_aside (
            consumer text NOT NULL,
            entry bigint NOT NULL,
            partition smallint NOT NULL,
            id bytea NOT NULL,
            epoch bigint NOT NULL,
            number bigint NOT NULL,
            text bytea NOT NULL,
            received timestamptz NOT NULL,
            attempts integer NOT NULL,
            due timestamptz NOT NULL DEFAULT clock_timestamp(),
            error text,
            dead timestamptz,
            PRIMARY KEY (consumer, entry)
        );
        CREATE INDEX waiting_set_aside ON {schema}.set_aside (consumer, partition, id, entry) WHERE dead IS NULL;
        CREATE TABLE {schema}.servers (
            server uuid PRIMARY KEY,
            node text NOT NULL,
            seen timestamptz NOT NULL DEFAULT clock_timestamp()
        );
        """,
        // Lines of the outbox may expire, and may have a key. A writer that waits for the device has a number: the line
        // keeps it when its server takes it, and the commit with which the line ends puts a report there for the
        // writer. outcome is a number of FleetOutcome.
        """
        ALTER TABLE {schema}.outbox ADD expires timestamptz, ADD key bytea, ADD writer uuid;
        CREATE INDEX expiring_entries ON {schema}.outbox (expires) WHERE expires IS NOT NULL AND refused IS NULL;
        CREATE INDEX keyed_entries ON {schema}.outbox (id, key) WHERE key IS NOT NULL AND refused IS NULL;
        ALTER TABLE {schema}.lines ADD writer uuid, ADD entry bigint;
        CREATE TABLE {schema}.reports (
            writer uuid NOT NULL,
            entry bigint NOT NULL,
            outcome smallint NOT NULL,
            detail text,
            reported timestamptz NOT NULL DEFAULT clock_timestamp(),
            PRIMARY KEY (writer, entry)
        ) WITH (autovacuum_vacuum_scale_factor = 0.05);
        """,
    ];

    /// <summary>The version that this library writes.</summary>
    public static int Version => Steps.Length;

    /// <summary>
    /// The SQL that makes the tables, or brings them up to date; it does nothing if they are. One process at a time
    /// runs it, and wholly or not at all.
    /// </summary>
    public static string Script(string schema) => Script(schema, Version);

    /// <summary>The same, up to an older version.</summary>
    internal static string Script(string schema, int to)
    {
        var script = new StringBuilder();
        script.Append(CultureInfo.InvariantCulture, $$"""
            BEGIN;
            SELECT pg_advisory_xact_lock({{AdvisoryLock}});
            DO $migration$
            DECLARE
                known integer;
            BEGIN
                IF to_regnamespace('{{schema}}') IS NULL THEN
                    CREATE SCHEMA {{schema}};
                END IF;
                IF to_regclass('{{schema}}.store') IS NULL THEN
                    IF EXISTS (SELECT FROM pg_class WHERE relnamespace = to_regnamespace('{{schema}}')) THEN
                        RAISE EXCEPTION 'the schema {{schema}} holds tables of something else' USING ERRCODE = 'object_not_in_prerequisite_state';
                    END IF;
                    CREATE TABLE {{schema}}.store (single boolean PRIMARY KEY DEFAULT true CHECK (single), version integer NOT NULL);
                    COMMENT ON TABLE {{schema}}.store IS '{{Mark}}';
                    INSERT INTO {{schema}}.store (version) VALUES (0);
                END IF;
                SELECT version INTO STRICT known FROM {{schema}}.store;

            """);
        for (var version = 0; version < to; version++)
        {
            var step = Steps[version].Replace("{schema}", schema, StringComparison.Ordinal).ReplaceLineEndings("\n        ");
            script.Append(CultureInfo.InvariantCulture, $"""
                    IF known = {version} THEN
                        {step}
                        known := {version + 1};
                    END IF;

                """);
        }

        return script.Append(CultureInfo.InvariantCulture, $$"""
                UPDATE {{schema}}.store SET version = known WHERE version < known;
            END
            $migration$;
            COMMIT;

            """).ToString();
    }

    /// <summary>Makes sure that the tables are those that this library writes.</summary>
    /// <exception cref="SessionStoreException">They are newer, or missing or older and may not be changed.</exception>
    public static async Task PrepareAsync(NpgsqlConnection connection, string schema, bool migrate, StoreFaults faults, CancellationToken cancellationToken)
    {
        if (await IsCurrentAsync(connection, schema, faults, cancellationToken).ConfigureAwait(false))
            return;
        if (!migrate)
            throw faults.Outdated();
        try
        {
            var command = new NpgsqlCommand(Script(schema), connection);
            await using (command.ConfigureAwait(false))
                await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            throw faults.Outdated(e);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.ObjectNotInPrerequisiteState)
        {
            throw faults.OfOther(e);
        }

        if (!await IsCurrentAsync(connection, schema, faults, cancellationToken).ConfigureAwait(false))
            throw faults.Outdated();
    }

    private static async Task<bool> IsCurrentAsync(NpgsqlConnection connection, string schema, StoreFaults faults, CancellationToken cancellationToken)
    {
        if (await AskAsync(connection, $"SELECT to_regclass('{schema}.store') IS NOT NULL", cancellationToken).ConfigureAwait(false) is not true)
            return false;
        var mark = await AskAsync(connection, $"SELECT obj_description('{schema}.store'::regclass)", cancellationToken).ConfigureAwait(false);
        if (mark is not Mark)
            throw faults.OfOther();
        var version = await AskAsync(connection, $"SELECT version FROM {schema}.store", cancellationToken).ConfigureAwait(false);
        return version switch
        {
            int known when known > Version => throw faults.Newer(known, Version),
            int known => known == Version,
            _ => throw faults.Damaged("has no version of its tables"),
        };
    }

    private static async Task<object?> AskAsync(NpgsqlConnection connection, string question, CancellationToken cancellationToken)
    {
        var command = new NpgsqlCommand(question, connection);
        await using (command.ConfigureAwait(false))
            return await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false);
    }
}
