using System.Net;
using System.Text;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Protocol2.Driving;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Security;

/// <summary>One address cannot lock others out, nor strangers a device that is known.</summary>
public sealed class StrangersTests : ServerTest
{
    private const string Epoch = "00000000000000aa";
    private const int Places = 1_000;

    private static readonly IPAddress Honest = IPAddress.Parse("127.0.0.1");
    private static readonly IPAddress Attacker = IPAddress.Parse("127.0.0.2");
    private static readonly byte[] Key = [.. Enumerable.Range(1, 32).Select(n => (byte)n)];

    /// <summary>Bytes that begin a TLS handshake, and no more.</summary>
    private static readonly byte[] HalfHandshake = [0x16, 0x03, 0x01, 0x00, 0xa5, 0x01];

    [TestCase("")]
    [TestCase("IOTLINK/2 id=half ")]
    public async Task A_thousand_half_openings_of_one_address_keep_nobody_out(string said)
    {
        var server = await StartServerAsync(ServerOptions with { MaxOpenings = Places });
        using var over = new CancellationTokenSource();
        var attack = await AttackAsync(server, Encoding.ASCII.GetBytes(said), over.Token);

        for (var n = 0; n < 57; n++)
            Assert.That(await OpenAsync(server, $"device-{n}", Honest), Does.StartWith("IOTLINK/2 ok "), $"device {n}");

        await over.CancelAsync();
        await attack.Within();
    }

    [Test]
    public async Task A_thousand_half_TLS_handshakes_of_one_address_keep_nobody_out()
    {
        using var authority = new Authority();
        var server = await StartServerAsync(ServerOptions with { MaxOpenings = Places, Tls = new() { ServerCertificate = authority.IssueServer("server"), HandshakeTimeout = TimeSpan.FromMinutes(1) } });
        using var over = new CancellationTokenSource();
        var attack = await AttackAsync(server, HalfHandshake, over.Token);

        for (var n = 0; n < 20; n++)
        {
            using var honest = new System.Net.Sockets.TcpClient(new IPEndPoint(Honest, 0));
            await honest.ConnectAsync(server.EndPoint).Within();
            await using var tls = new System.Net.Security.SslStream(honest.GetStream());
#pragma warning disable CA5359 // Whose certificate it is does not matter here.
            await tls.AuthenticateAsClientAsync(new System.Net.Security.SslClientAuthenticationOptions { TargetHost = "localhost", RemoteCertificateValidationCallback = (_, _, _, _) => true }).Within();
#pragma warning restore CA5359
            await tls.WriteAsync(Encoding.ASCII.GetBytes(ServerBench.Opening(Epoch, id: $"device-{n}") + "\n"));
            var heard = new byte[200];
            Assert.That(Encoding.ASCII.GetString(heard, 0, await tls.ReadAsync(heard).Within()), Does.StartWith("IOTLINK/2 ok "));
        }

        await over.CancelAsync();
        await attack.Within();
    }

    [Test]
    public async Task A_TLS_handshake_may_take_no_longer_than_an_opening()
    {
        using var authority = new Authority();
        var server = await StartServerAsync(ServerOptions with { OpeningTimeout = Short, Tls = new() { ServerCertificate = authority.IssueServer("server"), HandshakeTimeout = TimeSpan.FromHours(1) } });
        var half = await ConnectAsync(server);
        await half.SayAsync(HalfHandshake);

        Assert.That(await half.HearToEndAsync(), Is.Empty, "it is ended");

        await Bound.EventuallyAsync(() => server.Counters.Refused[Refusal.Tls] == 1);
        Assert.That(server.Counters.Openings, Is.Zero);
    }

    [Test]
    public async Task A_thousand_ids_that_are_made_up_lock_no_device_out()
    {
        var server = await StartServerAsync(ServerOptions with
        {
            Expected = ["expected"],
            KeyOf = id => id == "keyed" ? Key : null,
            Protocol1 = true,
            MaxUnknownIds = 100,
        });
        for (var n = 0; n < 1_000; n++)
            (await ConnectAsync(server, $"made-up-{n}", Attacker)).Dispose();
        await Bound.EventuallyAsync(() => server.Counters.UnknownIdsForgotten > 0 && server.Counters.Connections == 0);

        await JoinAsync(server, "expected", Honest);
        await JoinAsync(server, "new", Honest);
        await JoinAsync(server, "another", Attacker);
        var opening = ServerBench.Opening(Epoch, id: "keyed", more: $" auth=hmac-sha256 nonce={new string('0', 32)}");
        var keyed = await ConnectAsync(server, opening);
        await keyed.SayAsync(ServerBench.ProofFor(opening, (await keyed.HearLineAsync())!, Key) + "\n");

        Assert.That(await keyed.HearLineAsync(), Does.StartWith("IOTLINK/2 ok "));
        Assert.That(server.Counters.UnknownIds, Is.EqualTo(100));
        Assert.That(server.Counters.Links, Is.EqualTo(102));
        Assert.That(server.GetConnections(), Has.Count.EqualTo(102));
    }

    [Test]
    public async Task Ids_that_are_made_up_and_stay_connected_give_way_to_those_of_another_address()
    {
        var server = await StartServerAsync(ServerOptions with { MaxUnknownIds = 10 });
        var made = new List<RawPeer>();
        for (var n = 0; n < 10; n++)
            made.Add(await JoinAsync(server, $"made-up-{n}", Attacker));

        Assert.That(await OpenAsync(server, "one-more", Attacker), Does.StartWith("IOTLINK/2 no code=overloaded retry=1000"));
        await JoinAsync(server, "a", Honest);
        await JoinAsync(server, "b", Honest);

        Assert.That(await made[9].HearToEndAsync(), Is.Empty, "the newest gave way");
        Assert.That(await made[8].HearToEndAsync(), Is.Empty);
        Assert.That(server.Counters.Links, Is.EqualTo(10));
        Assert.That(server.Counters.Refused[Refusal.TooManyUnknownIds], Is.EqualTo(1));
    }

    [Test]
    public async Task A_full_house_makes_room_for_one_that_is_known_and_for_another_address()
    {
        var server = await StartServerAsync(ServerOptions with { MaxConnections = 4, Expected = ["expected"] });
        var strangers = new List<RawPeer>();
        for (var n = 0; n < 4; n++)
            strangers.Add(await JoinAsync(server, $"stranger-{n}", Attacker));

        Assert.That(await OpenAsync(server, "one-more", Attacker), Does.StartWith("IOTLINK/2 no code=overloaded retry=1000"));
        await JoinAsync(server, "expected", Attacker);
        await Bound.EventuallyAsync(() => server.Counters.Connections == 4);
        await JoinAsync(server, "neighbour", Honest);
        await Bound.EventuallyAsync(() => server.Counters.Connections == 4);

        Assert.That(server.Counters.ConnectionsTurnedAway, Is.EqualTo(2));
        Assert.That(await strangers[3].HearToEndAsync(), Is.Empty);
        Assert.That(server.Counters.Refused[Refusal.TooManyConnections], Is.EqualTo(1));
    }

    [Test]
    public async Task A_house_full_of_known_devices_asks_a_stranger_to_come_again()
    {
        var server = await StartServerAsync(ServerOptions with { MaxConnections = 2, Expected = ["1", "2", "3"] });
        await JoinAsync(server, "1");
        await JoinAsync(server, "2");

        Assert.That(await OpenAsync(server, "stranger", Honest), Does.StartWith("IOTLINK/2 no code=overloaded retry=1000"));
        Assert.That(await OpenAsync(server, "3", Honest), Does.StartWith("IOTLINK/2 no code=overloaded retry=1000"));
    }

    [Test]
    public async Task The_limits_of_an_address_are_for_strangers_alone()
    {
        var server = await StartServerAsync(ServerOptions with { MaxConnectionsPerAddress = 2, MaxUnknownIdsPerAddress = 3, Expected = ["e1", "e2", "e3", "e4"] });
        foreach (var id in new[] { "e1", "e2", "e3", "a", "b" })
            await JoinAsync(server, id, Attacker);

        Assert.That(await OpenAsync(server, "c", Attacker), Does.StartWith("IOTLINK/2 no code=overloaded retry=1000"));
        await JoinAsync(server, "e4", Attacker);
        await JoinAsync(server, "c", Honest);

        Assert.That(server.Counters.Refused[Refusal.TooManyConnections], Is.EqualTo(1));
    }

    [Test]
    public async Task An_address_makes_only_so_many_ids()
    {
        var server = await StartServerAsync(ServerOptions with { MaxUnknownIdsPerAddress = 2 });
        await JoinAsync(server, "a", Attacker);
        (await JoinAsync(server, "b", Attacker)).Dispose();
        await server.Find("b")!.State.FirstAsync(s => !s.IsUp);
        await Bound.EventuallyAsync(() => server.Counters.Connections == 1);
        await JoinAsync(server, "c", Attacker);
        await JoinAsync(server, "elsewhere", Honest);

        Assert.That(await OpenAsync(server, "d", Attacker), Does.StartWith("IOTLINK/2 no code=overloaded retry=1000"));
        Assert.That(server.Find("b"), Is.Null, "it gave way to c");
        Assert.That(server.Counters.Refused[Refusal.TooManyUnknownIds], Is.EqualTo(1));
    }

    [Test]
    public async Task Half_openings_that_give_way_get_an_answer()
    {
        var server = await StartServerAsync(ServerOptions with { MaxOpenings = 10, MaxOpeningsPerAddress = 1 });
        var first = await ConnectAsync(server);
        await first.SayAsync("IOTLINK/2 id=half");
        await Bound.EventuallyAsync(() => server.Counters.Openings == 1);

        await ConnectAsync(server);

        Assert.That((await first.HearToEndAsync()).Single(), Does.StartWith("IOTLINK/2 no code=overloaded retry=1000"));
        Assert.That(server.Counters.Refused[Refusal.TooManyOpenings], Is.EqualTo(1));
    }

    [Test]
    public async Task An_address_that_comes_too_fast_gets_a_refusal_and_others_do_not()
    {
        var server = await StartServerAsync(ServerOptions with { MaxOpeningRatePerAddress = 1, Expected = ["e"] });
        for (var n = 0; n < 20; n++)
            Assert.That(await OpenAsync(server, "e", Attacker, keep: false), Does.StartWith("IOTLINK/2 ").And.Not.Contain("overloaded"), "it is known");
        var refused = 0;
        for (var n = 0; n < 10; n++)
            refused += (await OpenAsync(server, $"stranger-{n}", Attacker))!.StartsWith("IOTLINK/2 no code=overloaded retry=1000", StringComparison.Ordinal) ? 1 : 0;

        Assert.That(refused, Is.GreaterThan(4));
        Assert.That(server.Counters.Refused[Refusal.TooFast], Is.EqualTo(refused));
        await JoinAsync(server, "another", Honest);
    }

    /// <summary>It is refused whatever it says, so that nobody has to go for its sake.</summary>
    [Test]
    public void One_that_comes_too_fast_takes_nobodys_place()
    {
        using var bench = new ServerBench(o => o with { MaxOpenings = 2, MaxOpeningRatePerAddress = 1 });
        var (one, two) = (bench.Connect(from: "192.0.2.1"), bench.Connect(from: "192.0.2.1"));

        var beyond = bench.Connect(from: "192.0.2.1");

        Assert.That(beyond.IsEnded, Is.True);
        Assert.That((one.IsEnded, two.IsEnded), Is.EqualTo((false, false)));
        one.Say(ServerBench.Opening(Epoch) + "\n");
        Assert.That(one.Take().Single(), Does.StartWith("IOTLINK/2 ok "));
        Assert.That(bench.Server.Counters.Refused[Refusal.TooFast], Is.EqualTo(1));
    }

    /// <summary>
    /// Half openings from one address, as many as there are places, and again as soon as one is ended.
    /// </summary>
    private static async Task<Task> AttackAsync(IotLinkServer server, byte[] bytes, CancellationToken over)
    {
        var attackers = Enumerable.Range(0, Places).Select(async _ =>
        {
            while (!over.IsCancellationRequested)
            {
                try
                {
                    using var peer = await RawPeer.ConnectAsync(server.EndPoint, from: Attacker);
                    await peer.SayAsync(bytes);
                    await peer.EndAsync(over);
                }
                catch (System.Net.Sockets.SocketException)
                {
                    // It is ended: the next one.
                }
            }
        }).ToList();
        await Bound.EventuallyAsync(() => server.Counters.Openings >= Places);
        return Task.WhenAll(attackers);
    }

    /// <summary>What the server answers to an opening of protocol 2.</summary>
    private async Task<string?> OpenAsync(IotLinkServer server, string id, IPAddress from, bool keep = true)
    {
        var peer = await ConnectAsync(server, ServerBench.Opening(Epoch, id: id), from);
        var answer = await peer.HearLineAsync();
        if (!keep)
            peer.Dispose();
        return answer;
    }
}
