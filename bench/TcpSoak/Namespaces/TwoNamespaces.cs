using System.Net;

namespace TcpSoak.Namespaces;

/// <summary>
/// Two network namespaces and a cable between them, and nothing else: no address in here is reachable from outside, nor
/// the other way round. Removed at the end.
/// </summary>
internal sealed class TwoNamespaces : IAsyncDisposable
{
    private const string Cable = "cable";

    private readonly List<string> _made = [];

    private TwoNamespaces()
    {
    }

    /// <summary>The namespace of the server.</summary>
    public string Server { get; } = $"tcpsoak-server-{Environment.ProcessId}";

    /// <summary>The namespace of the devices.</summary>
    public string Devices { get; } = $"tcpsoak-devices-{Environment.ProcessId}";

    /// <summary>The server's address; it exists in its namespace alone.</summary>
    public IPAddress ServerAddress { get; } = IPAddress.Parse("10.99.0.1");

    private static string DevicesAddress => "10.99.0.2";

    /// <exception cref="NotPossibleException">This machine does not allow it.</exception>
    public static async Task<TwoNamespaces> MakeAsync()
    {
        if (!OperatingSystem.IsLinux())
            throw new NotPossibleException("Network namespaces are a thing of Linux.");
        if (!Environment.IsPrivilegedProcess)
            throw new NotPossibleException("Network namespaces and packet filters need root.");
        await Tool.RunAsync("ip", "-Version");
        await Tool.RunAsync("nft", "--version");
        var made = new TwoNamespaces();
        try
        {
            await made.MakeAllAsync();
            return made;
        }
        catch
        {
            await made.DisposeAsync();
            throw;
        }
    }

    /// <summary>Drops a part of all packets that arrive at either end, at random.</summary>
    public async Task DropAsync(int percent)
    {
        foreach (var name in _made)
        {
            await NftAsync(name, "flush", "chain", "inet", "soak", "arriving");
            if (percent > 0)
                await NftAsync(name, "add", "rule", "inet", "soak", "arriving", "iifname", Cable, "numgen", "random", "mod", "100", "<", $"{percent}", "drop");
        }
    }

    /// <summary>Pulls one end of the cable, or puts it back.</summary>
    public static Task PlugAsync(string name, bool isIn) => Tool.RunAsync("ip", "-n", name, "link", "set", Cable, isIn ? "up" : "down");

    /// <summary>Removes the namespaces, and with them all that is in them.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var name in _made)
            await Tool.RunAsync("ip", "netns", "delete", name);
        _made.Clear();
    }

    private async Task MakeAllAsync()
    {
        foreach (var name in new[] { Server, Devices })
        {
            await Tool.RunAsync("ip", "netns", "add", name);
            _made.Add(name);
        }

        // Made inside: at no moment does the machine's own network see it.
        await Tool.RunAsync("ip", "-n", Server, "link", "add", Cable, "type", "veth", "peer", "name", Cable, "netns", Devices);
        foreach (var (name, address) in new[] { (Server, ServerAddress.ToString()), (Devices, DevicesAddress) })
        {
            await Tool.RunAsync("ip", "-n", name, "address", "add", $"{address}/24", "dev", Cable);
            await PlugAsync(name, isIn: true);
            await NftAsync(name, "add", "table", "inet", "soak");
            await NftAsync(name, "add", "chain", "inet", "soak", "arriving", "{ type filter hook input priority 0; }");
        }
    }

    private static Task NftAsync(string name, params string[] arguments) => Tool.RunAsync("ip", ["netns", "exec", name, "nft", .. arguments]);
}
