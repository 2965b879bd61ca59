using System.Net.Security;
using System.Net.Sockets;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Protocol2.Driving;
using Rx.IotLink.Tests.Server.Tools;
using Refusal = Rx.IotLink.Server.Refusal;

namespace Rx.IotLink.Tests.Security.Callbacks;

/// <summary>
/// Whatever an application gives to a server may throw, and what it throws may hold secrets: the peer hears nothing of
/// it, the owner does, and the server lives. Which callbacks there are is found in the options: a new one is tested
/// without another line here, or fails.
/// </summary>
[TestFixture]
internal sealed class ServerCallbackTests
{
    private const string Id = "pump-1";

    /// <summary>
    /// Schedulers are not among them: without a working scheduler the server can neither act nor report.
    /// </summary>
    private static readonly IEnumerable<string> Names = Planting.Of(typeof(IotLinkServerOptions)).Where(n => !n.Contains("Scheduler.", StringComparison.Ordinal));

    /// <summary>
    /// Those that a server has no use for, and what only an operator has it call, who gets the exception.
    /// </summary>
    private static readonly string[] NeverCalled =
        ["LoggerFactory.AddProvider", "LoggerFactory.Dispose", "SessionStore.ReadLinesAsync", "SessionStore.ReadKeysAsync", "Keys.RevokeAsync"];

    /// <summary>Those that are called at the start: their caller hears it, and nothing listens.</summary>
    private static readonly string[] AtTheStart = ["Keys.get_Changed", "SessionStore.get_IsShared"];

    private Authority authority = null!;

    [OneTimeSetUp]
    public void MakeAuthority() => authority = new();

    [OneTimeTearDown]
    public void ReleaseAuthority() => authority.Dispose();

    [TestCaseSource(nameof(Names))]
    public async Task What_it_throws_is_reported_to_the_owner_alone(string name)
    {
        var log = new TestLog();
        var thrown = 0;
        var options = Planting.Plant(Options(name, log), name, () => Interlocked.Increment(ref thrown));
        if (AtTheStart.Contains(name))
        {
            Assert.That(async () => await Ends.ServeAsync(_ => options), Throws.InvalidOperationException.With.Message.EqualTo(Planting.Secret));
            return;
        }

        await using var server = await Ends.ServeAsync(_ => options);
        using var lines = server.Links.Subscribe(link =>
        {
            link.Lines.Subscribe();
            _ = TryWriteAsync(link);
        });

        var heard = "";
        for (var visit = 1; visit <= 2; visit++)
            heard += await VisitAsync(server, options, visit);

        Assert.That(heard, Does.Not.Contain("hunter2").And.Not.Contain("Password").And.Not.Contain("InvalidOperation"));
        if (NeverCalled.Contains(name))
        {
            Assert.That(thrown, Is.Zero);
            return;
        }

        Assert.That(thrown, Is.Positive, "it was called");
        var isLog = name.StartsWith("LoggerFactory.", StringComparison.Ordinal);
        await Bound.EventuallyAsync(() => (isLog ? server.Counters.LogFailures : server.Counters.CallbackFailures) > 0, "its counter grows");
        if (!isLog)
            await Bound.EventuallyAsync(() => log.Entries.Values.Any(Tells), $"the log reports it; heard: {heard}");
        // And the server still works: another device gets an answer.
        Assert.That(await VisitAsync(server, options, visit: 3, id: "other"), Is.Not.Empty);
    }

    /// <summary>What is given to a server later, not among its options: handlers of requests, and observers.</summary>
    [TestCase("handler")]
    [TestCase("observer of a link")]
    [TestCase("observer of the server")]
    public async Task What_is_called_by_a_subscription_is_counted_too(string kind)
    {
        var log = new TestLog();
        await using var server = await Ends.ServeAsync(o => o with { LoggerFactory = log });
        using var subscription = server.Links.Subscribe(link =>
        {
            if (kind == "handler")
                link.Respond(new Func<string, IObservable<string>>(_ => throw new InvalidOperationException(Planting.Secret))).Subscribe();
            else
                link.Lines.Subscribe(_ => Fail(kind == "observer of a link"));
        });
        using var changes = server.Changes.Subscribe(_ => Fail(kind == "observer of the server"));
        await using var client = Ends.Connect(server.EndPoint.Port);
        var answer = client.ReadLineAsync();
        await client.WriteAsync("{\"req\":\"1\",\"body\":\"now\"}").WaitAsync(Ends.Bound);

        await Bound.EventuallyAsync(() => server.Counters.CallbackFailures == 1, "the counter grows");
        await Bound.EventuallyAsync(() => log.Entries.Values.Any(Tells), "the log reports it");
        if (kind == "handler")
            Assert.That(await answer.WaitAsync(Ends.Bound), Does.Contain("The handler failed.").And.Not.Contain("hunter2"));
    }

    private static void Fail(bool isIt)
    {
        if (isIt)
            throw new InvalidOperationException(Planting.Secret);
    }

    private static bool Tells(LogEntry entry) => $"{entry.Text} {entry.Error}".Contains(Planting.Secret, StringComparison.Ordinal);

    private static async Task TryWriteAsync(ILink link)
    {
        try
        {
            await link.WriteAsync("down");
        }
        catch (Exception exception) when (exception is IOException)
        {
            // The server has stopped.
        }
    }

    private IotLinkServerOptions Options(string name, TestLog log)
    {
        var property = name.Split('.')[0];
        var keys = DeviceKeys.Parse([$"{Id} {Convert.ToHexString(Key)}"]);
        var store = new MemoryStore { IsShared = name == "SessionStore.IsFencedOutAsync" };
        return new IotLinkServerOptions
        {
            Port = 0,
            Bind = System.Net.IPAddress.Loopback,
            DrainTimeout = TimeSpan.Zero,
            Timeout = Ends.Patience,
            LoggerFactory = log,
            Keys = property == nameof(IotLinkServerOptions.Keys) ? keys : null,
            KeyOf = property == nameof(IotLinkServerOptions.KeyOf) ? keys.Find : null,
            SessionStore = property == nameof(IotLinkServerOptions.SessionStore) ? store : null,
            IsCertificateOf = property == nameof(IotLinkServerOptions.IsCertificateOf) ? (_, _) => true : null,
            Tls = property is not (nameof(IotLinkServerOptions.Tls) or nameof(IotLinkServerOptions.IsCertificateOf)) ? null : new HttpsConnectionAdapterOptions
            {
                ServerCertificate = authority.IssueServer(),
                ClientCertificateMode = ClientCertificateMode.RequireCertificate,
                OnAuthenticate = (_, ssl) => ssl.CertificateChainPolicy = authority.Policy(),
            },
        };
    }

    private static byte[] Key => [.. Enumerable.Range(1, 16).Select(n => (byte)n)];

    /// <summary>A device comes, says a line, takes one, and leaves. Gives all that it heard.</summary>
    private async Task<string> VisitAsync(IotLinkServer server, IotLinkServerOptions options, int visit, string id = Id)
    {
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(server.EndPoint);
        using var wire = new Wire(tcp.GetStream());
        try
        {
            if (options.Tls is not null)
                await wire.SecureAsync(HandshakeAsync);
            await TalkAsync(wire, options, visit, id);
        }
        catch (Exception exception) when (exception is IOException or System.Security.Authentication.AuthenticationException)
        {
            // It was ended.
        }

        return wire.All;
    }

    private async Task HandshakeAsync(SslStream tls)
    {
        var certificate = authority.IssueClient(Id);
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = "127.0.0.1",
            CertificateChainPolicy = authority.Policy(),
            ClientCertificateContext = SslStreamCertificateContext.Create(certificate, [], offline: true),
        });
    }

    private static async Task TalkAsync(Wire wire, IotLinkServerOptions options, int visit, string id)
    {
        var auth = options.Keys is null && options.KeyOf is null ? "" : $" auth=hmac-sha256 nonce={new string('0', 32)}";
        var opening = $"IOTLINK/2 id={id} conn={visit} epoch=aa tx={visit} window=64 max=4000{auth}";
        await wire.SayAsync(opening + "\n");
        var answer = await wire.HearAsync();
        if (answer?.StartsWith("IOTLINK/2 prove ", StringComparison.Ordinal) == true)
        {
            await wire.SayAsync(ServerBench.ProofFor(opening, answer, Key) + "\n");
            answer = await wire.HearAsync();
        }

        if (answer?.StartsWith("IOTLINK/2 ok ", StringComparison.Ordinal) != true)
            return;
        await wire.SayAsync($"+{visit:x4}up\n");
        // On the second visit the server has nothing to say but that it took the line.
        for (var left = visit == 1 ? 2 : 1; left > 0 && await wire.HearAsync() is { } line;)
        {
            if (line.StartsWith('+'))
                await wire.SayAsync($"={line[1..5]}\n");
            if (line.StartsWith('+') || line.StartsWith('='))
                left--;
        }

        await wire.SayAsync("!bye\n");
        while (await wire.HearAsync() is not null)
        {
            // What else it has to say.
        }
    }
}
