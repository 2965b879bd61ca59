using System.Net;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Cli;

namespace Rx.IotLink.Tests.Security;

/// <summary>Both ends of links over real TCP, and bounded waits for what happens to them.</summary>
internal static class Ends
{
    public static readonly TimeSpan Bound = IotLinkProcess.Bound;

    /// <summary>Long enough for a busy machine never to seem dead.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public static Task<IotLinkServer> ServeAsync(Func<IotLinkServerOptions, IotLinkServerOptions>? change = null)
    {
        var options = new IotLinkServerOptions { Port = 0, Bind = IPAddress.Loopback, Timeout = Patience, DrainTimeout = TimeSpan.Zero, RetryAfter = TimeSpan.FromMilliseconds(50) };
        return IotLinkServer.StartAsync(change?.Invoke(options) ?? options);
    }

    public static IotLinkClient Connect(int port, Func<IotLinkClientOptions, IotLinkClientOptions>? change = null, string id = "pump-1")
    {
        var options = new IotLinkClientOptions
        {
            Host = "127.0.0.1",
            Port = port,
            Id = id,
            Timeout = Patience,
            DrainTimeout = TimeSpan.Zero,
            BackOff = new() { Initial = TimeSpan.FromMilliseconds(50), Cap = TimeSpan.FromMilliseconds(200) },
        };
        return IotLinkClient.Start(change?.Invoke(options) ?? options);
    }

    public static Task UpAsync(this ILink link) => link.WaitUntilUpAsync().WaitAsync(Bound);

    public static Task<LinkState> StateAsync(this ILink link, Func<LinkState, bool> wanted) => link.State.FirstAsync(wanted).Timeout(Bound).ToTask();

    /// <summary>The next notice of a kind.</summary>
    public static Task<LinkNotice> NoticeAsync(this ILink link, LinkNoticeKind kind) => link.Notices.FirstAsync(n => n.Kind == kind).Timeout(Bound).ToTask();

    /// <summary>The next refusal, whatever it is for. To be asked before it can happen.</summary>
    public static Task<LinkChange> RefusalAsync(this IotLinkServer server) => server.Changes.FirstAsync(c => c.Kind == LinkChangeKind.Refused).Timeout(Bound).ToTask();

    public static Task<ILink> LinkAsync(this IotLinkServer server, string id = "pump-1") => server.WaitForAsync(id).WaitAsync(Bound);

    /// <summary>The next lines of a link.</summary>
    public static Task<IList<string>> LinesAsync(this ILink link, int count) => link.Lines.Take(count).ToList().Timeout(Bound).ToTask();

    /// <summary>Whether lines go both ways.</summary>
    public static async Task<bool> WorksAsync(IotLinkServer server, IotLinkClient client)
    {
        var link = await server.LinkAsync(client.Id);
        var (there, back) = (link.ReadLineAsync(), client.ReadLineAsync());
        await client.WriteAsync("there").WaitAsync(Bound);
        await link.WriteAsync("back").WaitAsync(Bound);
        return (await there.WaitAsync(Bound), await back.WaitAsync(Bound)) == ("there", "back");
    }
}
