using System.Net.NetworkInformation;

namespace QuickStart.Machine;

/// <summary>What .NET knows on any system.</summary>
internal static class Anywhere
{
    /// <summary>Megabytes of memory in use on the machine, as the garbage collector last saw it.</summary>
    public static double MemoryUsed() => GC.GetGCMemoryInfo() is { MemoryLoadBytes: > 0 } seen ? seen.MemoryLoadBytes / 1e6 : Environment.WorkingSet / 1e6;

    /// <summary>Kilobytes that all network interfaces have received.</summary>
    public static double NetworkTraffic()
    {
        try
        {
            return NetworkInterface.GetAllNetworkInterfaces().Sum(network => network.GetIPStatistics().BytesReceived) / 1e3;
        }
        catch (Exception e) when (e is NetworkInformationException or PlatformNotSupportedException)
        {
            return 0;
        }
    }
}
