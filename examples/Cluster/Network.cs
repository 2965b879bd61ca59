using System.Diagnostics;
using System.Globalization;
using System.Net;

namespace Examples.Cluster;

/// <summary>
/// A network namespace for each server, with a cable to the database and another one to the devices. Either is pulled
/// out and put in again: what is on its way is lost, and no end gets an error.
/// </summary>
internal sealed class Network : IAsyncDisposable
{
    // Of the private addresses; the third number keeps two demonstrations apart.
    private static readonly int Third = Environment.ProcessId % 250;

    private const string Nobody = "02:00:00:00:00:01";

    private readonly List<string> names = [];

    /// <summary>What it takes, and is not there; null: nothing.</summary>
    public static string? Missing => !string.Equals(Environment.UserName, "root", StringComparison.Ordinal) || Find("ip") is null
        ? "--cut-off makes network namespaces: it must run as root, on Linux, and needs 'ip' (apt-get install iproute2)."
        : null;

    /// <summary>The address of the database, as the server sees it.</summary>
    public static string Database(int server) => Address(server, Cable.Database, 1);

    /// <summary>The address of the server, as the devices see it.</summary>
    public static IPAddress Devices(int server) => IPAddress.Parse(Address(server, Cable.Devices, 2));

    /// <summary>All addresses, for the database's list of those who may connect.</summary>
    public static string All => string.Create(CultureInfo.InvariantCulture, $"10.222.{Third}.0/24");

    /// <summary>What runs a program in the namespace of a server.</summary>
    public static string[] Run(int server) => ["ip", "netns", "exec", Name(server)];

    /// <summary>Makes the namespaces and cables.</summary>
    public async Task MakeAsync(int servers, CancellationToken cancellation)
    {
        for (var server = 0; server < servers; server++)
        {
            var name = Name(server);
            names.Add(name);
            await IpAsync(cancellation, "netns", "add", name);
            await IpAsync(cancellation, "-n", name, "link", "set", "lo", "up");
            foreach (var cable in new[] { Cable.Database, Cable.Devices })
            {
                await IpAsync(cancellation, "link", "add", Outside(server, cable), "type", "veth", "peer", "name", Inside(cable), "netns", name);
                await IpAsync(cancellation, "addr", "add", Address(server, cable, 1) + "/30", "dev", Outside(server, cable));
                await IpAsync(cancellation, "-n", name, "addr", "add", Address(server, cable, 2) + "/30", "dev", Inside(cable));
                await IpAsync(cancellation, "-n", name, "link", "set", Inside(cable), "up");
                await IpAsync(cancellation, "link", "set", Outside(server, cable), "up");
            }
        }
    }

    /// <summary>
    /// Pulls a cable out, at both ends. No end gets an error: what it sends goes to a hardware address that nobody has.
    /// </summary>
    public static async Task PullOutAsync(int server, Cable cable, CancellationToken cancellation)
    {
        await IpAsync(cancellation, "neigh", "replace", Address(server, cable, 2), "lladdr", Nobody, "dev", Outside(server, cable), "nud", "permanent");
        await IpAsync(cancellation, "-n", Name(server), "neigh", "replace", Address(server, cable, 1), "lladdr", Nobody, "dev", Inside(cable), "nud", "permanent");
    }

    /// <summary>Puts it in again.</summary>
    public static async Task PutInAsync(int server, Cable cable, CancellationToken cancellation)
    {
        await IpAsync(cancellation, "neigh", "del", Address(server, cable, 2), "dev", Outside(server, cable));
        await IpAsync(cancellation, "-n", Name(server), "neigh", "del", Address(server, cable, 1), "dev", Inside(cable));
    }

    /// <summary>The cables go with their namespaces.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var name in names)
            await IpAsync(CancellationToken.None, "netns", "del", name);
    }

    private static string Name(int server) => string.Create(CultureInfo.InvariantCulture, $"iotlink-{Environment.ProcessId}-{server}");

    // The name of a link has at most 15 characters.
    private static string Outside(int server, Cable cable) => string.Create(CultureInfo.InvariantCulture, $"io{Environment.ProcessId % 1_000_000}s{server}c{(int)cable}");

    private static string Inside(Cable cable) => cable == Cable.Database ? "database" : "devices";

    private static string Address(int server, Cable cable, int end) =>
        string.Create(CultureInfo.InvariantCulture, $"10.222.{Third}.{(8 * server) + (4 * (int)cable) + end}");

    private static string? Find(string program) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Append("/usr/sbin").Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);

    private static async Task IpAsync(CancellationToken cancellation, params string[] arguments)
    {
        using var ip = Process.Start(new ProcessStartInfo(Find("ip")!, arguments) { UseShellExecute = false, RedirectStandardError = true })!;
        var said = await ip.StandardError.ReadToEndAsync(cancellation);
        await ip.WaitForExitAsync(cancellation);
        if (ip.ExitCode != 0)
            throw new InvalidOperationException($"ip {string.Join(' ', arguments)}: {said.Trim()}");
    }
}

/// <summary>A cable of a server.</summary>
internal enum Cable
{
    /// <summary>To the database.</summary>
    Database,

    /// <summary>To the devices.</summary>
    Devices,
}
