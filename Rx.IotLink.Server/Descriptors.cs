using System.Globalization;

namespace Rx.IotLink.Server;

/// <summary>
/// How many files and sockets this process may have open. Without one left the runtime cannot start a thread, and ends
/// the process: so some are kept back.
/// </summary>
internal static class Descriptors
{
    /// <summary>
    /// Kept back at least: for threads of the pool that start, log files, session stores, connections of the
    /// application's own.
    /// </summary>
    private const int LeastReserve = 128;

    /// <summary>
    /// How many connections there is room for: what the process may still open, less a reserve. Null: the system has no
    /// such limit, or does not tell.
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
            // A system without /proc: MaxConnections is all there is.
            return null;
        }
    }

    /// <summary>
    /// Half of the reserve: between the room and the brink this much is for connections that are still told why they
    /// are refused.
    /// </summary>
    public static int Margin(int room) => Math.Max(1, Math.Min(LeastReserve / 2, room / 8));

    /// <summary>The room with this limit, this much of it in use.</summary>
    internal static int? RoomWithin(int? limit, int inUse)
    {
        if (limit is not { } most)
            return null;
        var free = Math.Max(2, most - inUse);
        // A tenth, or what threads and files need at least; but of very few not all.
        return free - Math.Min(Math.Max(LeastReserve, most / 10), free / 2);
    }

    /// <summary>The soft limit, which the runtime has raised to the hard one by now; null if there is none.</summary>
    internal static int? LimitIn(IEnumerable<string> limits)
    {
        const string Name = "Max open files";
        var line = limits.FirstOrDefault(l => l.StartsWith(Name, StringComparison.Ordinal));
        var soft = line?[Name.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault();
        return int.TryParse(soft, NumberStyles.None, CultureInfo.InvariantCulture, out var limit) ? limit : null;
    }
}
