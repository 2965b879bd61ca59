using System.Net;
using System.Net.Sockets;
using NUnit.Framework;
using Rx.IotLink.Tests.Cli;
using Rx.IotLink.Tests.House;

namespace Rx.IotLink.Tests.Server.Tools;

/// <summary>
/// A real load balancer as a process, set up as docs/load-balancer.md says, but for addresses, ports and what a test
/// changes.
/// </summary>
internal sealed class Balancer : IAsyncDisposable
{
    /// <summary>Where its connections come from.</summary>
    public static readonly IPAddress Address = IPAddress.Parse("127.0.0.9");

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("iotlink-test-");
    private readonly IotLinkProcess process;
    private int disposed;

    private Balancer(string program, string[] arguments, string configuration)
    {
        var file = Path.Combine(folder.FullName, "balancer.conf");
        File.WriteAllText(file, configuration.Replace("FOLDER", folder.FullName, StringComparison.Ordinal));
        process = IotLinkProcess.StartOther(Find(program), [.. arguments, file]);
    }

    public required IPEndPoint EndPoint { get; init; }

    /// <summary>Starts HAProxy.</summary>
    /// <param name="server">The server behind it.</param>
    /// <param name="says">The header, and what else its line of the server has.</param>
    /// <param name="where">Its port, or null: any.</param>
    public static Task<Balancer> HaProxyAsync(IPEndPoint server, string says, int? where = null)
    {
        var port = where ?? FreePort.Get();
        var page = Page("HAProxy", ("bind :8123", $"bind 127.0.0.1:{port.Text()}"), ("10.0.1.10:8123 send-proxy-v2 check", $"{server} source {Address} {says}"));
        return ReadyAsync(new("haproxy", ["-db", "-f"], page) { EndPoint = new(IPAddress.Loopback, port) });
    }

    /// <summary>Starts nginx.</summary>
    /// <param name="server">The server behind it.</param>
    /// <param name="where">Its port, or null: any.</param>
    public static Task<Balancer> NginxAsync(IPEndPoint server, int? where = null)
    {
        var port = where ?? FreePort.Get();
        var page = Page("nginx", ("listen 8123;", $"listen 127.0.0.1:{port.Text()};"), ("10.0.1.10:8123;", $"{server}; proxy_bind {Address};"));
        const string Module = "/usr/lib/nginx/modules/ngx_stream_module.so";
        var before = $"{(File.Exists(Module) ? $"load_module {Module};" : "")} daemon off; master_process off; pid FOLDER/pid; error_log stderr; events {{ }}\n";
        return ReadyAsync(new("nginx", ["-e", "stderr", "-c"], before + page) { EndPoint = new(IPAddress.Loopback, port) });
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref disposed, 1) != 0)
            return;
        await process.DisposeAsync();
        folder.Delete(recursive: true);
    }

    /// <summary>It is ready when it lets connect.</summary>
    private static async Task<Balancer> ReadyAsync(Balancer balancer)
    {
        await Bound.EventuallyAsync(() =>
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                socket.Connect(balancer.EndPoint);
                return true;
            }
            catch (SocketException)
            {
                return false;
            }
        });
        return balancer;
    }

    /// <summary>The page's configuration. Each change must be one of something that stands there.</summary>
    private static string Page(string section, params (string From, string To)[] changes)
    {
        var text = Repository.Read("docs", "load-balancer.md").Split($"## {section}\n```text\n")[1].Split("```")[0];
        foreach (var (from, to) in changes)
        {
            Assert.That(text, Does.Contain(from));
            text = text.Replace(from, to, StringComparison.Ordinal);
        }

        return text;
    }

    private static string Find(string program)
    {
        var folders = Environment.GetEnvironmentVariable("PATH")!.Split(Path.PathSeparator).Append("/usr/sbin");
        var found = folders.Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);
        if (found is null)
            Assert.Fail($"{program} is not installed: apt-get install haproxy nginx-light libnginx-mod-stream");
        return found!;
    }
}
