using System.Globalization;

namespace QuickStart.Machine;

/// <summary>Files of Linux in /proc; null on other systems, and if a sandbox hides them.</summary>
internal static class ProcFiles
{
    private static readonly char[] Blanks = [' ', '\t'];

    /// <summary>The average number of runnable processes over the last minute.</summary>
    public static double? Load() => Read("/proc/loadavg", text => Number(Fields(text)[0]));

    /// <summary>Megabytes of memory that are not available any more.</summary>
    public static double? MemoryUsed() => Read("/proc/meminfo", text =>
    {
        var kilobytes = text.Split('\n').Select(line => line.Split(':')).Where(line => line.Length == 2).ToDictionary(line => line[0], line => Number(Fields(line[1])[0]));
        return (kilobytes["MemTotal"] - kilobytes["MemAvailable"]) * 1_024 / 1e6;
    });

    /// <summary>Kilobytes that all network interfaces, loopback too, have received.</summary>
    public static double? NetworkTraffic() => Read("/proc/net/dev", text =>
        text.Split('\n').Skip(2).Select(line => line.Split(':')).Where(line => line.Length == 2).Sum(line => Number(Fields(line[1])[0])) / 1e3);

    private static double? Read(string path, Func<string, double> parse)
    {
        try
        {
            return File.Exists(path) ? parse(File.ReadAllText(path)) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException or KeyNotFoundException or IndexOutOfRangeException)
        {
            return null;
        }
    }

    private static string[] Fields(string text) => text.Split(Blanks, StringSplitOptions.RemoveEmptyEntries);

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
