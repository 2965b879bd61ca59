using System.Globalization;
using System.Reactive.Concurrency;

namespace Rx.IotLink.Server;

/// <summary>
/// How many files and sockets this process may have open. If none is left, the runtime cannot start a thread, and ends
/// the process. So some are reserved.
/// </summary>
internal static class Descriptors
{
    /// <summary>
    /// The least reserve: for new threads of the pool, log files, session stores, and the application's own
    /// connections.
    /// </summary>
    private const int LeastReserve = 128;

    /// <summary>
    /// For how many connections there is room in a server of these options. Null for a simulated server, too, which is
    /// one that does not listen and whose clock is not the real one: its connections need no descriptors, and what
    /// happens to it must not depend on how many this process has.
    /// </summary>
    public static int? RoomFor(IotLinkServerOptions options) =>
        options.Listen || ReferenceEquals(options.Scheduler, DefaultScheduler.Instance) ? Room() : null;

    /// <summary>
    /// For how many connections there is room: the descriptors that the process may still open, minus a reserve. Null:
    /// the system has no such limit, or does not report it.
    /// </summary>
    public static int? Room()
    {
        if (!OperatingSystem.IsLinux())
            return null;
        try
        {
            return RoomWithin(LimitIn(File.ReadLines("/proc/self/limits")), Directory.EnumerateFileSystemEntries("/proc/self/fd").Count());
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // On a system without /proc only MaxConnections applies.
            return null;
        }
    }

    /// <summary>
    /// Half of the reserve: so many connections beyond the room can still get the reason of their refusal.
    /// </summary>
    public static int Margin(int room) => Math.Max(1, Math.Min(LeastReserve / 2, room / 8));

    /// <summary>The room with this limit and this many descriptors in use.</summary>
    internal static int? RoomWithin(int? limit, int inUse)
    {
        if (limit is not { } most)
            return null;
        var free = Math.Max(2, most - inUse);
        // A tenth, or at least what threads and files need; but never all, if there are very few.
        return free - Math.Min(Math.Max(LeastReserve, most / 10), free / 2);
    }

    /// <summary>The soft limit, which the runtime has raised to the hard limit; null if there is none.</summary>
    internal static int? LimitIn(IEnumerable<string> limits)
    {
        const string Name = "Max open files";
        var line = limits.FirstOrDefault(l => l.StartsWith(Name, StringComparison.Ordinal));
        var soft = line?[Name.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault();
        return int.TryParse(soft, NumberStyles.None, CultureInfo.InvariantCulture, out var limit) ? limit : null;
    }
}
