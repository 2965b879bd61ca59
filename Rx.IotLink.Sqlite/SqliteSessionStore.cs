using Microsoft.Data.Sqlite;
using Rx.IotLink.Sqlite.Database;

namespace Rx.IotLink.Sqlite;

/// <summary>
/// Keeps the memories of a process in one SQLite file, of a server or of a client. A line that it keeps survives the
/// process, and with <see cref="SqliteDurability.Full"/> also a power failure.
/// </summary>
/// <remarks>
/// <para>
/// One process uses a file at a time; another gets <see cref="SessionStoreFault.InUse"/> at once. The file is free as
/// soon as its process has ended, in any way. Programs that only read it, such as <c>sqlite3 -readonly</c>, may do so
/// at any time.
/// </para>
/// <para>
/// A file that is damaged, of a newer version or of another program is refused and left as it is: the store never
/// silently starts with an empty file. A call that fails keeps nothing, and the store works again as soon as the disk
/// works.
/// </para>
/// <para>
/// Safe for any number of threads. Calls block until they are done: their tasks have ended when they return.
/// </para>
/// </remarks>
public sealed partial class SqliteSessionStore : ISessionStore, IFleetStore, IAsyncDisposable, IDisposable
{
    /// <summary>The number of claims that can be distinguished within one opening of the file.</summary>
    private const int ClaimBits = 40;

    // The order in which both are taken.
    private readonly Lock writing = new();
    private readonly Lock reading = new();
    private readonly SqliteSessionStoreOptions options;
    private readonly StoreFaults faults;
    private readonly StoreFile file;
    private Writer? writer;
    private Reader? reader;
    private long token;
    private bool isDisposed;

    private SqliteSessionStore(SqliteSessionStoreOptions options)
    {
        (this.options, faults) = (options, new(options.Path));
        file = StoreFile.Take(options.Path, faults);
        try
        {
            var isNew = file.IsNew(faults);
            writer = OpenWriter(isNew);
            if (options.CheckAtOpen && !isNew)
                CheckAll();
            // Before anything is written: it finds a missing index.
            reader = OpenReader();
            (var openings, BeganNewEpochs) = writer.CountOpening();
            token = openings << ClaimBits;
            Fleet = new(this);
        }
        catch
        {
            Close();
            throw;
        }
    }

    /// <summary>The database file.</summary>
    public string Path => options.Path;

    /// <summary>
    /// Whether the file was a copy when it was opened (<see cref="Backup"/>, <see cref="MarkAsCopy"/>). Then each
    /// session in it began a new epoch, since its peer may remember more than the copy does: lines that wait may come
    /// twice, and no new line is taken for one that the peer has. The peers report
    /// <see cref="LinkNoticeKind.PeerRestarted"/>.
    /// </summary>
    public bool BeganNewEpochs { get; }

    /// <summary>SQLite's number for what a batch waits for: 1 is NORMAL, 2 is FULL.</summary>
    internal long Synchronous => Write(to => to.Synchronous);

    /// <summary>Opens a file with the options' defaults, or makes it.</summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <exception cref="ArgumentException">The path is empty.</exception>
    /// <exception cref="SessionStoreException">
    /// The file cannot be used; <see cref="SessionStoreException.Fault"/> says why, and the message what to do.
    /// </exception>
    public static SqliteSessionStore Open(string path) => Open(new SqliteSessionStoreOptions { Path = path });

    /// <summary>Opens a file, or makes it.</summary>
    /// <param name="options">The file and its options.</param>
    /// <exception cref="ArgumentException">An option is out of range, or missing.</exception>
    /// <exception cref="SessionStoreException">
    /// The file cannot be used; <see cref="SessionStoreException.Fault"/> says why, and the message what to do.
    /// </exception>
    public static SqliteSessionStore Open(SqliteSessionStoreOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        return Guard(new(options.Path), () => new SqliteSessionStore(options));
    }

    /// <inheritdoc/>
    public ValueTask<ClaimedSession> ClaimAsync(string id, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(id);
        return Do(Claim, cancellationToken);

        ClaimedSession Claim()
        {
            var (claim, row) = Write(to =>
            {
                var claim = new SessionClaim(id, ++token);
                return (claim, to.Claim(id, claim.Token));
            });
            // Only this new claim could add lines now.
            var (lines, bytes) = Read(from => from.Count(row.Session));
            return new ClaimedSession(claim, row.ToMemory(lines, bytes));
        }
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyCollection<SessionClaim>> WriteAsync(IReadOnlyList<SessionWrite> batch, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        var written = Do(() => Write(to => Write(to, batch, cancellationToken)), cancellationToken);
        if (options.Inbox && written.IsCompletedSuccessfully)
            Fleet.Wake();
        return written;
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<StoredLine>> ReadLinesAsync(SessionClaim claim, long after, int count, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(claim.Id, nameof(claim));
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        return Do(() => Read(from => from.Read(claim, after, count, cancellationToken)), cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<StoredKey>> ReadKeysAsync(SessionClaim claim, long after, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(claim.Id, nameof(claim));
        return Do(() => Read(from => from.ReadKeys(claim, after, cancellationToken)), cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<string>?> FindIdsAsync(long least, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(least, 1);
        return Do(() => (IReadOnlyList<string>?)Read(from => from.FindIds(least, cancellationToken)), cancellationToken);
    }

    /// <summary>
    /// Copies all kept data into a new file, while the store is in use. The copy is complete when it appears under its
    /// name.
    /// </summary>
    /// <param name="path">
    /// The new file. To use it, copy it to the path of the store while no process uses that. It knows that it is a copy
    /// (<see cref="BeganNewEpochs"/>).
    /// </param>
    /// <exception cref="SessionStoreException">The file is there already, or cannot be written.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed.</exception>
    public void Backup(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ObjectDisposedException.ThrowIf(isDisposed, this);
        var backup = new StoreFaults(path);
        Guard(backup, () =>
        {
            BackupFile.Write(file.Path, path, options.BusyTimeout, faults, backup);
            return true;
        });
    }

    /// <summary>
    /// Marks a file that was copied by other means than <see cref="Backup"/>, so that its next opening knows that it is
    /// a copy. To be called before a process uses it.
    /// </summary>
    /// <param name="path">The file; it must exist.</param>
    /// <exception cref="SessionStoreException">The file cannot be used, or is not there.</exception>
    public static void MarkAsCopy(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!File.Exists(path))
            throw new StoreFaults(path).New(SessionStoreFault.Unavailable, "is not there", "Name the copy");
        using var store = Open(path);
        Guard(store.faults, () => store.Write(to => to.Mark()));
    }

    /// <summary>Closes the file, after a running call has ended. All kept data are in the file.</summary>
    public void Dispose()
    {
        Fleet.End();
        lock (writing)
        {
            lock (reading)
            {
                if (isDisposed)
                    return;
                isDisposed = true;
                Close();
            }
        }
    }

    /// <summary>Ends the consumers, waits for their handlers, and then does as <see cref="Dispose"/>.</summary>
    public async ValueTask DisposeAsync()
    {
        await Fleet.EndAsync().ConfigureAwait(false);
        Dispose();
    }

    private static T Guard<T>(StoreFaults faults, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (SqliteException e)
        {
            throw faults.Of(e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw faults.ReadOnly(e);
        }
        catch (IOException e) when (e is not SessionStoreException)
        {
            throw faults.Of(e);
        }
    }

    private IReadOnlyCollection<SessionClaim> Write(Writer to, IReadOnlyList<SessionWrite> batch, CancellationToken cancellationToken)
    {
        var fenced = to.Write(batch, cancellationToken);
        Fleet.Tracking.Kept(batch, fenced);
        return fenced;
    }

    private ValueTask<T> Do<T>(Func<T> work, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled<T>(cancellationToken);
        try
        {
            return new(Guard(faults, work));
        }
        catch (OperationCanceledException e)
        {
            return ValueTask.FromCanceled<T>(e.CancellationToken);
        }
        catch (Exception e)
        {
            return ValueTask.FromException<T>(e);
        }
    }

    private T Write<T>(Func<Writer, T> work)
    {
        lock (writing)
        {
            ObjectDisposedException.ThrowIf(isDisposed, this);
            if (!turns.Enter(options.BusyTimeout))
                throw faults.InHandler();
            try
            {
                writer ??= OpenWriter(create: false);
                CheckPlace(writer);
                return work(writer);
            }
            catch (SqliteException e) when (!Heals(e))
            {
                Reopen();
                throw;
            }
            finally
            {
                turns.Leave();
            }
        }
    }

    private T Read<T>(Func<Reader, T> work)
    {
        lock (reading)
        {
            ObjectDisposedException.ThrowIf(isDisposed, this);
            reader ??= OpenReader();
            try
            {
                return work(reader);
            }
            catch (SqliteException e) when (!Heals(e))
            {
                reader.Dispose();
                reader = null;
                throw;
            }
        }
    }

    /// <summary>
    /// Data that are written to a deleted file are lost with the process, so they do not count as kept. A deleted
    /// <c>-wal</c> file is still complete for this process: closing writes it back, and opening makes a new one.
    /// </summary>
    private void CheckPlace(Writer current)
    {
        if (current.HasMoved)
            throw faults.Moved();
        if (File.Exists(file.Path + "-wal"))
            return;
        Reopen();
        writer = OpenWriter(create: false);
    }

    private Writer OpenWriter(bool create)
    {
        if (!create && !File.Exists(file.Path))
            throw faults.Moved();
        return new(new(file.Path, create, options.BusyTimeout), options, faults);
    }

    private Reader OpenReader() => new(new(file.Path, create: false, options.BusyTimeout), faults);

    private void CheckAll()
    {
        using var connection = new Connection(file.Path, create: false, options.BusyTimeout);
        FullCheck.Run(connection, faults);
    }

    /// <summary>
    /// A connection can continue after these errors. After others it is opened again, which checks the file again.
    /// </summary>
    private static bool Heals(SqliteException e) => e.SqliteErrorCode is SQLitePCL.raw.SQLITE_FULL or SQLitePCL.raw.SQLITE_BUSY or SQLitePCL.raw.SQLITE_LOCKED;

    private void Reopen()
    {
        lock (reading)
        {
            CloseConnections();
        }
    }

    private void CloseConnections()
    {
        reader?.Dispose();
        reader = null;
        writer?.Dispose();
        writer = null;
    }

    private void Close()
    {
        CloseConnections();
        file.Dispose();
    }
}
