using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Reactive;
using System.Reactive.Linq;
using System.Security.Cryptography.X509Certificates;
using NUnit.Framework;
using Rx.IotLink.Tests.Protocol2.Driving;
using Rx.IotLink.Tests.Server.Tools;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Tests.Security.Callbacks;

/// <summary>The same for a client: the server learns nothing about exceptions of the client's callbacks.</summary>
[TestFixture]
internal sealed class ClientCallbackTests
{
    /// <summary>Only servers share a store with others, and have devices that sleep.</summary>
    private static readonly string[] NeverCalled = ["SessionStore.get_IsShared", "SessionStore.IsFencedOutAsync", "SessionStore.FindIdsAsync"];

    private static readonly IEnumerable<string> Names =
        Planting.Of(typeof(IotLinkClientOptions)).Where(n => !n.Contains("Scheduler.", StringComparison.Ordinal)).Except(NeverCalled);

    /// <summary>So many lines that the keys of the rest are read, too.</summary>
    private static readonly string[] MoreThanIsReadAtTheStart = [.. Enumerable.Repeat("kept", 20_000)];

    /// <summary>Those that are called at the start: their caller hears it.</summary>
    private static readonly string[] AtTheStart = ["SessionStore.ClaimAsync", "SessionStore.ReadLinesAsync", "SessionStore.ReadKeysAsync"];

    private Authority authority = null!;
    private X509Certificate2 certificate = null!;

    [OneTimeSetUp]
    public void MakeAuthority()
    {
        authority = new();
        certificate = authority.IssueServer();
    }

    [OneTimeTearDown]
    public void ReleaseAuthority()
    {
        certificate.Dispose();
        authority.Dispose();
    }

    [TestCaseSource(nameof(Names))]
    public async Task What_it_throws_is_reported_to_the_owner_alone(string name)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var thrown = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var calls = 0;
        // A notice is for those who observe already: on a busy machine a store fails before this test does.
        using var observed = new ManualResetEventSlim();
        var starter = Environment.CurrentManagedThreadId;
        var options = Planting.Plant(Options(name, ((IPEndPoint)listener.LocalEndpoint).Port), name, () =>
        {
            if (!AtTheStart.Contains(name) && Environment.CurrentManagedThreadId != starter)
                observed.Wait(Ends.Bound);
            if (Interlocked.Increment(ref calls) == 1)
                thrown.SetResult();
        });
        if (AtTheStart.Contains(name))
        {
            Assert.That(() => IotLinkClient.Start(options), Throws.InvalidOperationException.With.Message.EqualTo(Planting.Secret));
            return;
        }

        await using var client = IotLinkClient.Start(options);
        var notices = new Recorder<LinkNotice>();
        using var subscription = client.Notices.Subscribe(notices);
        observed.Set();
        using var lines = client.Lines.Subscribe();
        _ = TryWriteAsync(client);
        using var over = new CancellationTokenSource();
        // Not on this thread: where a client comes again at once, nothing that is awaited there may ever be late.
        var serving = Task.Run(() => ServeAsync(listener, options, over.Token));

        await thrown.Task.WaitAsync(Ends.Bound);
        await Bound.EventuallyAsync(() => notices.Values.Any(n => $"{n.Detail} {n.Error}".Contains("hunter2", StringComparison.Ordinal)), "a notice reports it");

        await over.CancelAsync();
        Assert.That(await serving, Does.Not.Contain("hunter2").And.Not.Contain("Password").And.Not.Contain("InvalidOperation"));
    }

    private static async Task TryWriteAsync(IotLinkClient client)
    {
        try
        {
            await client.WriteAsync("up");
        }
        catch (Exception exception) when (exception is IOException)
        {
            // The client was closed.
        }
    }

    private IotLinkClientOptions Options(string name, int port)
    {
        var property = name.Split('.')[0];
        var options = new IotLinkClientOptions
        {
            Host = "127.0.0.1",
            Port = port,
            Id = "pump-1",
            DrainTimeout = TimeSpan.Zero,
            Timeout = Ends.Patience,
            BackOff = new() { Initial = TimeSpan.FromMilliseconds(20), Cap = TimeSpan.FromMilliseconds(50) },
            SessionStore = property == nameof(IotLinkClientOptions.SessionStore) ? new MemoryStore(new KeptMemory(Epoch: 5, First: 1, MoreThanIsReadAtTheStart, PeerEpoch: null, Accepted: 0)) : null,
            Transport = property == nameof(IotLinkClientOptions.Transport) ? new TcpTransport("127.0.0.1", port) : null,
            Tls = property == nameof(IotLinkClientOptions.Tls) ? new() { CertificateChainPolicy = authority.Policy() } : null,
        };
        return property == nameof(IotLinkClientOptions.Network) ? options with { Network = new WatchedNetwork() } : options;
    }

    /// <summary>Serves one connection after the other. Gives all that was heard on them.</summary>
    private async Task<string> ServeAsync(TcpListener listener, IotLinkClientOptions options, CancellationToken over)
    {
        var heard = "";
        while (true)
        {
            try
            {
                using var tcp = await listener.AcceptTcpClientAsync(over);
                using var end = over.Register(tcp.Close);
                using var wire = new Wire(tcp.GetStream());
                try
                {
                    if (options.Tls is not null)
                        await wire.SecureAsync(HandshakeAsync);
                    await TalkAsync(wire);
                }
                catch (Exception exception) when (exception is IOException or ObjectDisposedException or System.Security.Authentication.AuthenticationException)
                {
                    // It was ended.
                }

                heard += wire.All;
            }
            catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException && over.IsCancellationRequested)
            {
                return heard;
            }
        }
    }

    private Task HandshakeAsync(SslStream tls) => tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions
    {
        ServerCertificate = certificate,
        ClientCertificateRequired = true,
        RemoteCertificateValidationCallback = (_, _, _, errors) => errors is SslPolicyErrors.None or SslPolicyErrors.RemoteCertificateNotAvailable,
    });

    private static async Task TalkAsync(Wire wire)
    {
        if (await wire.HearAsync() is null)
            return;
        await wire.SayAsync("IOTLINK/2 ok epoch=1 tx=1 window=9 max=99 timeout=20000\n+0001down\n");
        var left = 2;
        while (await wire.HearAsync() is { } line)
        {
            if (line.StartsWith('+'))
                await wire.SayAsync($"={line[1..5]}\n");
            if ((line.StartsWith('+') || line.StartsWith('=')) && --left == 0)
                return;
        }
    }

    /// <summary>A network that is up, and watched before it is used.</summary>
    private sealed class WatchedNetwork : INetwork
    {
        public TimeSpan WatchFor => TimeSpan.FromMilliseconds(10);

        public IObservable<Unit> BringUp() => Observable.Empty<Unit>();

        public IObservable<Unit> BringDown() => Observable.Empty<Unit>();
    }
}
