using System.Buffers;
using System.Text;

namespace Rx.IotLink.Sqlite.Database;

/// <summary>The one connection that writes.</summary>
internal sealed class Writer : IDisposable
{
    /// <summary>More would make a claim of a later process lower than one of an earlier one.</summary>
    private const long MostOpenings = (1L << 23) - 1;

    /// <summary>Sets the mark by which the next opening knows that the file is a copy.</summary>
    public const string MarkAsCopy = "UPDATE store SET copied = 1";

    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly Connection connection;
    private readonly StoreFaults faults;
    private readonly bool isFull;
    private readonly Statement begin;
    private readonly Statement commit;
    private readonly Statement find;
    private readonly Statement create;
    private readonly Statement update;
    private readonly Statement forget;
    private readonly Statement add;
    private readonly Statement remove;
    private readonly Statement removeThrough;
    private readonly InboxWriter inbox;

    /// <summary>Brings the file up to date, and prepares to write.</summary>
    /// <param name="connection">The writer owns it, also when this throws.</param>
    /// <param name="options">How it writes.</param>
    /// <param name="faults">Makes its exceptions.</param>
    public Writer(Connection connection, SqliteSessionStoreOptions options, StoreFaults faults)
    {
        (this.connection, this.faults, isFull) = (connection, faults, options.Durability == SqliteDurability.Full);
        try
        {
            // With them SQLite would look for the session of each line that is added or removed. What belongs to a
            // session is removed here.
            connection.Execute("PRAGMA foreign_keys = OFF");
            Schema.Migrate(connection, faults, options.CheckAtOpen);
            // Preparing them finds a missing table, before anything is changed.
            begin = connection.Prepare("BEGIN IMMEDIATE");
            commit = connection.Prepare("COMMIT");
            find = connection.Prepare($"SELECT {SessionRow.Columns} FROM sessions WHERE id = ?1");
            create = connection.Prepare($"INSERT INTO sessions ({SessionRow.Columns}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
            update = connection.Prepare("""
                UPDATE sessions SET token = ?3, epoch = ?4, first = ?5, peer_epoch = ?6, accepted = ?7, connections = ?8, last_position = ?9, checksum = ?10
                WHERE session = ?1 AND id = ?2
                """);
            forget = connection.Prepare("DELETE FROM sessions WHERE session = ?1");
            add = connection.Prepare("INSERT OR REPLACE INTO lines (session, position, text, expires, checksum, key) VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
            remove = connection.Prepare("DELETE FROM lines WHERE session = ?1 AND position = ?2");
            removeThrough = connection.Prepare("DELETE FROM lines WHERE session = ?1 AND position <= ?2");
            (inbox, Consumers) = (new(connection), new(connection));

            if (connection.Text("PRAGMA journal_mode = WAL") != "wal")
                throw faults.New(SessionStoreFault.Unavailable, "is on a file system that has no shared memory", "Put it on a disk of this machine");
            // A batch of 4,096 records may change as many pages: all fit into 32 MiB of memory, and two such batches
            // into the -wal file before it is written back. If a slow reader made that file longer, it is then cut to
            // this size.
            connection.Execute("PRAGMA cache_size = -32768");
            connection.Execute("PRAGMA wal_autocheckpoint = 8192");
            connection.Execute("PRAGMA journal_size_limit = 33554432");
            connection.Execute(isFull ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
            if (options.MaxBytes is { } bytes)
                connection.Execute($"PRAGMA max_page_count = {Math.Min(bytes / connection.Number("PRAGMA page_size"), int.MaxValue - 1)}");
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>The cursors of consumers, for <see cref="InTransaction"/>.</summary>
    public ConsumerRows Consumers { get; }

    /// <summary>Whether the file that this writes is no longer the one at the path.</summary>
    public bool HasMoved => Native.HasMoved(connection.Handle);

    /// <summary>SQLite's number for what a commit waits for: 1 is NORMAL, 2 is FULL.</summary>
    public long Synchronous => connection.Number("PRAGMA synchronous");

    /// <summary>
    /// Counts this opening, and deletes ids that were claimed and never begun. In a copy all sessions begin new epochs.
    /// </summary>
    /// <returns>How often the file was opened, and whether it was a copy.</returns>
    public (long Openings, bool WasCopy) CountOpening()
    {
        var (openings, wasCopy) = (0L, false);
        connection.InTransaction(() =>
        {
            openings = connection.Number("SELECT coalesce(max(openings), -1) FROM store");
            if (openings is < 0 or >= MostOpenings)
                throw faults.Damaged($"is damaged: it was opened {openings} times, as it says, and that must be 0 to {MostOpenings - 1}");
            openings++;
            wasCopy = connection.Number("SELECT copied FROM store") != 0;
            if (wasCopy)
                BeginAnew();
            connection.Execute("UPDATE store SET openings = openings + 1, copied = 0");
            connection.Execute("DELETE FROM sessions WHERE epoch IS NULL AND connections = 0 AND last_position = 0");
            connection.Execute("DELETE FROM fleet_receipts WHERE session NOT IN (SELECT session FROM sessions)");
        });
        return (openings, wasCopy);
    }

    /// <summary>The next opening takes the file for a copy.</summary>
    public bool Mark()
    {
        connection.Execute(MarkAsCopy);
        return true;
    }

    /// <summary>Notes the latest claim of an id.</summary>
    /// <returns>The memory of the id.</returns>
    public SessionRow Claim(string id, long token)
    {
        // This need not survive a power failure, so it does not wait for the disk. The next process counts an opening,
        // so its claims are greater than this one, even if this one is lost.
        if (isFull)
            connection.Execute("PRAGMA synchronous = NORMAL");
        try
        {
            return InTransaction(() =>
            {
                var utf8 = Utf8.GetBytes(id);
                if (Find(utf8) is { } known)
                {
                    known.Token = token;
                    known.BindTo(update).Run();
                    return known;
                }

                var row = new SessionRow { Session = connection.Number("SELECT coalesce(max(session), 0) + 1 FROM sessions"), Id = utf8, Token = token };
                row.BindTo(create).Run();
                return row;
            });
        }
        finally
        {
            if (isFull)
                connection.Execute("PRAGMA synchronous = FULL");
        }
    }

    /// <summary>Writes a batch, all or nothing.</summary>
    /// <returns>The claims that are fenced out.</returns>
    public IReadOnlyCollection<SessionClaim> Write(IReadOnlyList<SessionWrite> batch, CancellationToken cancellationToken) => InTransaction(() =>
    {
        inbox.Begin();
        var works = new Dictionary<SessionClaim, Work>();
        var (last, work) = (default(SessionClaim), default(Work));
        for (var at = 0; at < batch.Count; at++)
        {
            var (claim, record) = batch[at];
            if (work is null || claim != last)
            {
                cancellationToken.ThrowIfCancellationRequested();
                last = claim;
                if (!works.TryGetValue(claim, out work))
                    works.Add(claim, work = new(Find(Utf8.GetBytes(claim.Id)), claim.Token));
            }

            Write(work, record);
        }

        inbox.End();
        List<SessionClaim>? fenced = null;
        foreach (var (claim, done) in works)
        {
            if (done.IsFenced)
                (fenced ??= []).Add(claim);
            else if (!done.IsForgotten)
                done.Row!.BindTo(update).Run();
        }

        return (IReadOnlyCollection<SessionClaim>?)fenced ?? [];
    });

    public void Dispose() => connection.Dispose();

    private void BeginAnew()
    {
        using var next = new Statement(connection.Handle, $"SELECT {SessionRow.Columns} FROM sessions WHERE session > ?1 AND epoch IS NOT NULL ORDER BY session LIMIT 1");
        for (var last = 0L; next.Bind(1, last).Step();)
        {
            last = next.Long(0);
            var row = SessionRow.Read(next) ?? throw faults.Damaged($"is damaged: the row of session {last} is not as it was written");
            next.Reset();
            row.BeginAnew();
            row.BindTo(update).Run();
        }
    }

    private void Write(Work work, in SessionRecord record)
    {
        // It was deleted before, and reported as failed although it was kept: so it comes again, and is kept already.
        if (record.Kind == SessionRecordKind.Forget && work.Row is null)
            work.IsForgotten = true;
        if (work.IsForgotten || work.IsFenced)
            return;

        var session = work.Row!.Session;
        work.Row.Apply(record);
        switch (record.Kind)
        {
            case SessionRecordKind.Add:
                Add(session, record);
                if (record.Entry != 0)
                    inbox.Take(work.Row, record.Entry);
                break;
            case SessionRecordKind.Receive:
                inbox.Receive(work.Row, record);
                break;
            case SessionRecordKind.Remove:
                remove.Bind(1, session).Bind(2, record.Position).Run();
                break;
            case SessionRecordKind.RemoveThrough:
                removeThrough.Bind(1, session).Bind(2, record.Position).Run();
                break;
            case SessionRecordKind.Forget:
                removeThrough.Bind(1, session).Bind(2, long.MaxValue).Run();
                forget.Bind(1, session).Run();
                inbox.Forget(session);
                work.IsForgotten = true;
                break;
        }
    }

    private void Add(long session, in SessionRecord record)
    {
        var text = record.Text ?? throw new ArgumentException($"The record that adds line {record.Position} has no text.", nameof(record));
        var expires = record.Expires?.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks;
        var key = record.Key is { } named ? Utf8.GetBytes(named) : null;
        var buffer = ArrayPool<byte>.Shared.Rent(Utf8.GetMaxByteCount(text.Length));
        try
        {
            var utf8 = buffer.AsSpan(0, Utf8.GetBytes(text, buffer));
            add.Bind(1, session).Bind(2, record.Position).Bind(3, utf8).Bind(4, expires)
                .Bind(5, Checksum.OfLine(session, record.Position, utf8, expires, key));
            if (key is null)
                add.BindNull(6).Run();
            else
                add.Bind(6, key).Run();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private SessionRow? Find(byte[] id)
    {
        if (!find.Bind(1, id).Step())
            return null;
        var row = SessionRow.Read(find);
        find.Reset();
        if (row is null)
            throw faults.Damaged($"is damaged: the row of id '{Protocol.Printable.Of(Utf8.GetString(id))}' is not as it was written");
        row.Check(faults);
        return row;
    }

    /// <summary>
    /// Adds lines to the outbox of the fleet. Gives the number of each (0: it has no room), and those that they
    /// replace.
    /// </summary>
    public (long[] Entries, List<long> Replaced) AddToOutbox(IReadOnlyList<FleetWrite> lines, int most) => InTransaction(() =>
    {
        // Replaced lines make room.
        List<long> replaced = [.. lines.Where(line => line.Key is not null).SelectMany(line => OutboxRows.Replace(connection, line))];
        return (OutboxRows.Add(connection.Handle, lines, most), replaced);
    });

    /// <summary>Removes lines of the outbox that have expired. Gives their numbers.</summary>
    public List<long> ExpireOutbox() => InTransaction(() => OutboxRows.Expire(connection));

    /// <summary>A line of the outbox can never be sent.</summary>
    public bool Refuse(long entry, string reason) => InTransaction(() =>
    {
        OutboxRows.Refuse(connection, entry, reason);
        return true;
    });

    /// <summary>Runs work in a transaction: all of it, or nothing.</summary>
    public T InTransaction<T>(Func<T> work)
    {
        begin.Run();
        try
        {
            var result = work();
            commit.Run();
            return result;
        }
        catch
        {
            connection.Rollback();
            throw;
        }
    }

    /// <summary>What a batch does to one claim.</summary>
    private sealed class Work(SessionRow? row, long token)
    {
        public SessionRow? Row => row;

        public bool IsForgotten { get; set; }

        public bool IsFenced => !IsForgotten && row?.Token != token;
    }
}
