using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using System.Reactive.Subjects;
using System.Security.Cryptography;

namespace Rx.IotLink.Server;

/// <summary>
/// A key file that is read again when it has changed. It is polled once a second, not watched: that works for any place
/// (a share, a mount of a container, a link that is turned to another file), and uses none of the few watches that the
/// system has for a user. A change counts when it is found twice: a file that is being written must not revoke keys
/// that are not in it yet.
/// </summary>
internal sealed class KeyFileWatch : IOwnKeys, IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly string path;
    private readonly bool mayBeShared;
    private readonly IScheduler scheduler;
    private readonly ServerLog log;
    private readonly ISubject<string?> changed = System.Reactive.Subjects.Subject.Synchronize(new Subject<string?>());
    private readonly SerialDisposable next = new();
    private volatile DeviceKeys keys;
    private Stamp? taken;
    private Stamp? seen;

    /// <summary>Reads the file.</summary>
    /// <exception cref="FormatException">A line is wrong.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read, or others may read or write
    /// it.</exception>
    public KeyFileWatch(string path, bool mayBeShared, IScheduler scheduler, ServerLog log)
    {
        (this.path, this.mayBeShared, this.scheduler, this.log) = (path, mayBeShared, scheduler, log);
        using var file = RegularFile.Open(path);
        taken = seen = Stamp.Of(file, path);
        keys = DeviceKeys.Read(file, path, mayBeShared);
    }

    public IObservable<string?> Changed => changed.AsObservable();

    public IReadOnlyList<ReadOnlyMemory<byte>> KeysOf(string id) => keys.KeysOf(id);

    /// <summary>The next look finds the same keys in the file.</summary>
    public Task<bool> RevokeAsync(string id, CancellationToken cancellationToken = default) => Task.Run(
        () =>
        {
            if (!DeviceKeys.Remove(path, id))
                return false;
            keys = DeviceKeys.Load(path, mayBeShared);
            changed.OnNext(id);
            return true;
        },
        cancellationToken);

    /// <summary>Begins to look for changes, until it is disposed.</summary>
    public void Start() => next.Disposable = scheduler.Schedule(Interval, LookOnce);

    public void Dispose() => next.Dispose();

    private void LookOnce()
    {
        Look();
        // Scheduled after the look, however long it took: so there is never more than one.
        Start();
    }

    private void Look()
    {
        DeviceKeys? read = null;
        string? fault = null;
        var now = Stamp.Unknown;
        try
        {
            using var file = RegularFile.Open(path);
            now = Stamp.Of(file, path);
            if (now == seen && now != taken)
                read = Read(file);
            if (read is not null && Stamp.Of(file, path) != now)
                (now, read) = (Stamp.Unknown, null);
        }
        catch (Exception exception)
        {
            // Whatever is there now, the next look may find keys again.
            fault = now == seen && now != taken ? exception.Message : null;
        }

        if (fault is not null || read is not null)
            taken = now;
        seen = now;
        if (fault is not null)
            log.KeysNotRead(path, fault);
        if (read is null)
            return;
        keys = read;
        log.KeysRead(path, read.Count);
        changed.OnNext(null);
    }

    private DeviceKeys Read(FileStream file)
    {
        file.Position = 0;
        var read = DeviceKeys.Read(file, path, mayBeShared);
        return read.Count > 0 ? read : throw new FormatException("it holds no key");
    }

    /// <summary>
    /// The content and the mode of a file. Time and length are not enough: another file may have the same, since keys
    /// have one length, and many ways to copy a file keep or set its time.
    /// </summary>
    /// <param name="Content">A hash; empty if the file is not there, or cannot be read.</param>
    /// <param name="Mode">Its access rights.</param>
    private sealed record Stamp(string Content, UnixFileMode Mode)
    {
        public static Stamp Unknown { get; } = new("", default);

        public static Stamp Of(FileStream file, string path)
        {
            var mode = OperatingSystem.IsWindows() ? default : File.GetUnixFileMode(file.SafeFileHandle);
            file.Position = 0;
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            Span<byte> buffer = stackalloc byte[4_096];
            for (long length = 0; file.Read(buffer) is > 0 and var count; hash.AppendData(buffer[..count]))
            {
                if ((length += count) > RegularFile.MaxBytes)
                    throw new IOException($"{path} is longer than {RegularFile.MaxBytes} bytes.");
            }

            file.Position = 0;
            return new(Convert.ToHexString(hash.GetHashAndReset()), mode);
        }
    }
}
