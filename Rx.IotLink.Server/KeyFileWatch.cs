using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using System.Reactive.Subjects;
using Rx.IotLink.Protocol;

namespace Rx.IotLink.Server;

/// <summary>
/// A key file that is read again when it has changed. It is looked at once a second, rather than listened to: that
/// works wherever the file lies (a share, a mount of a container, a link that is turned to another file), and takes
/// none of the few watches that the system has for a user. A change is taken when it is found twice: a file that is being written
/// must not revoke the keys that are not in it yet.
/// </summary>
internal sealed class KeyFileWatch : IDeviceKeys, IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly string path;
    private readonly bool mayBeShared;
    private readonly IScheduler scheduler;
    private readonly ServerLog log;
    private readonly Subject<string?> changed = new();
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
        using var file = DeviceKeys.Open(path);
        taken = seen = Stamp.Of(file);
        keys = DeviceKeys.Read(file, path, mayBeShared);
    }

    public IObservable<string?> Changed => changed.AsObservable();

    public IReadOnlyList<ReadOnlyMemory<byte>> KeysOf(string id) => keys.KeysOf(id);

    /// <summary>Begins to look for changes, until it is disposed.</summary>
    public void Start() => next.Disposable = scheduler.Schedule(Interval, LookOnce);

    public void Dispose() => next.Dispose();

    private void LookOnce()
    {
        Look();
        // After the look, however long it took: there is never more than one.
        Start();
    }

    private void Look()
    {
        DeviceKeys? read = null;
        string? fault = null;
        var now = Missing;
        try
        {
            using var file = DeviceKeys.Open(path);
            now = Stamp.Of(file);
            if (now == seen && now != taken)
                (read, fault) = Read(file);
            if (Stamp.Of(file) != now)
                (now, read, fault) = (null, null, null);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            fault = now == seen && now != taken ? exception.Message : null;
        }

        if (fault is not null || read is not null)
            taken = now;
        seen = now;
        if (fault is not null)
            log.KeysNotRead(Printable.Of(path), fault);
        if (read is null)
            return;
        keys = read;
        log.KeysRead(Printable.Of(path), read.Count);
        changed.OnNext(null);
    }

    private (DeviceKeys? Read, string? Fault) Read(FileStream file)
    {
        try
        {
            var read = DeviceKeys.Read(file, path, mayBeShared);
            return read.Count > 0 ? (read, null) : (null, "it holds no key");
        }
        catch (FormatException exception)
        {
            return (null, exception.Message);
        }
    }

    /// <summary>Of a file that is not there, or cannot be looked at.</summary>
    private static Stamp? Missing { get; } = new(default, default, -1, default);

    /// <summary>What a file cannot change without.</summary>
    private sealed record Stamp(DateTime Written, DateTime Made, long Length, UnixFileMode Mode)
    {
        public static Stamp Of(FileStream file) => new(
            File.GetLastWriteTimeUtc(file.SafeFileHandle),
            File.GetCreationTimeUtc(file.SafeFileHandle),
            RandomAccess.GetLength(file.SafeFileHandle),
            OperatingSystem.IsWindows() ? default : File.GetUnixFileMode(file.SafeFileHandle));
    }
}
