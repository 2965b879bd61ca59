using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;

namespace Rx.IotLink.Bench.Fleet.Control;

/// <summary>Where and of what a figure was measured.</summary>
internal sealed record Machine(string Processor, int Cores, string System, string Runtime, string Commit)
{
    public static Machine Here { get; } = new(
        From("/proc/cpuinfo", "model name"),
        Environment.ProcessorCount,
        RuntimeInformation.OSDescription,
        RuntimeInformation.FrameworkDescription,
        typeof(Machine).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[^1] is { Length: >= 8 } commit ? commit[..8] : "unknown");

    /// <summary>Memory that this process holds, in bytes.</summary>
    public static long Resident => KiloBytes("/proc/self/status", "VmRSS");

    /// <summary>
    /// Fails with the command that helps, if a process of this many connections would run out of descriptors.
    /// </summary>
    public static void RequireDescriptors(int connections)
    {
        // Beside its connections, a process has files, pipes, the epoll of each core and the listening socket.
        const int Others = 250;
        var limits = File.ReadLines("/proc/self/limits").First(l => l.StartsWith("Max open files", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var (soft, hard) = (Number(limits[3]), Number(limits[4]));
        if (soft >= connections + Others)
            return;
        throw new NotEnoughException(hard >= connections + Others
            ? $"{connections} connections in one process need {connections + Others} descriptors, {soft} are allowed. Raise the limit with: ulimit -n {connections + Others}"
            : $"{connections} connections in one process need {connections + Others} descriptors, {hard} are allowed to this user at most. Raise the limit as root with: ulimit -Hn {connections + Others} && ulimit -n {connections + Others} (or LimitNOFILE= of systemd, --ulimit nofile= of docker), or share them out with --servers");
    }

    private static long Number(string text) => text == "unlimited" ? long.MaxValue : long.Parse(text, CultureInfo.InvariantCulture);

    private static long KiloBytes(string file, string field) => 1_024 * long.Parse(From(file, field).Split(' ')[0], CultureInfo.InvariantCulture);

    private static string From(string file, string field) =>
        File.Exists(file) && File.ReadLines(file).FirstOrDefault(l => l.StartsWith(field, StringComparison.Ordinal)) is { } line ? line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim() : "0";
}

/// <summary>The machine does not give what a measurement needs; the message says how to get it.</summary>
internal sealed class NotEnoughException(string message) : Exception(message);
