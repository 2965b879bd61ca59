using System.Net;
using System.Reactive;
using NUnit.Framework;
using Rx.IotLink.Server;

namespace Rx.IotLink.Tests.Server.Tools;

/// <summary>A test with servers, clients and sockets of its own, all gone at its end.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public abstract class ServerTest
{
    /// <summary>
    /// A timeout for tests of outages. A busy machine may have more outages with it than the test wants: it must not
    /// mind.
    /// </summary>
    protected static readonly TimeSpan Short = TimeSpan.FromMilliseconds(300);

    /// <summary>A timeout for tests that want none.</summary>
    protected static readonly TimeSpan Long = TimeSpan.FromSeconds(60);

    // A test may connect many at once.
    private readonly System.Collections.Concurrent.ConcurrentStack<object> owned = new();

    private protected TestLog Log { get; } = new();

    [TearDown]
    public async Task DisposeAllAsync()
    {
        while (owned.TryPop(out var thing))
        {
            if (thing is IAsyncDisposable asynchronous)
                await asynchronous.DisposeAsync().Within($"{thing} is disposed");
            else
                ((IDisposable)thing).Dispose();
        }
    }

    protected T Own<T>(T thing)
        where T : class
    {
        owned.Push(thing);
        return thing;
    }

    private protected IotLinkServerOptions ServerOptions => new()
    {
        Port = 0,
        Bind = IPAddress.Loopback,
        Timeout = Long,
        DrainTimeout = TimeSpan.Zero,
        LoggerFactory = Log,
    };

    private protected async Task<IotLinkServer> StartServerAsync(IotLinkServerOptions? options = null) =>
        Own(await IotLinkServer.StartAsync(options ?? ServerOptions).Within());

    private protected static IotLinkClientOptions ClientOptions(IPEndPoint server, string id = "1") => new()
    {
        Host = server.Address.ToString(),
        Port = server.Port,
        Id = id,
        Timeout = Long,
        DrainTimeout = TimeSpan.Zero,
        BackOff = new BackOff { Initial = TimeSpan.FromMilliseconds(20), Cap = TimeSpan.FromMilliseconds(200) },
    };

    private protected IotLinkClient StartClient(IotLinkClientOptions options) => Own(IotLinkClient.Start(options));

    private protected IotLinkClient StartClient(IotLinkServer server, string id = "1") => StartClient(ClientOptions(server.EndPoint, id));

    /// <summary>A scripted device that has said its id and been let in.</summary>
    private protected async Task<RawPeer> JoinAsync(IotLinkServer server, string id = "1", IPAddress? from = null)
    {
        var peer = await ConnectAsync(server, id, from);
        Assert.That(await peer.HearAsync(), Is.Empty, "a server's first line is a keepalive");
        return peer;
    }

    /// <summary>
    /// What is written when it is subscribed to. (For analyzers, Write in an asynchronous method is a WriteAsync that
    /// was forgotten.)
    /// </summary>
    private protected static IObservable<Unit> Written(ILink link, string line) => link.Write(line);

    private protected async Task<RawPeer> ConnectAsync(IotLinkServer server, string? id = null, IPAddress? from = null) =>
        Own(await RawPeer.ConnectAsync(server.EndPoint, id, from));
}
