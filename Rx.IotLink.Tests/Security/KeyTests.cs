using System.Net.Sockets;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using NUnit.Framework;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Server;
using Refusal = Rx.IotLink.Server.Refusal;

namespace Rx.IotLink.Tests.Security;

/// <summary>Who may speak as whom, over real TCP.</summary>
[TestFixture]
internal sealed class KeyTests
{
    private static readonly DeviceKeys Keys = DeviceKeys.Parse([$"pump-1 {DeviceKeys.NewKey()}", $"pump-2 {DeviceKeys.NewKey()}"]);

    [Test]
    public async Task The_right_key_lets_in()
    {
        await using var server = await ServeAsync();
        await using var client = Connect(server, Keys.Find("pump-1"));
        await client.UpAsync();
        Assert.That(await Ends.WorksAsync(server, client), Is.True);
    }

    [TestCase("pump-1", TestName = "A_wrong_key_never_gets_in_and_keeps_trying")]
    [TestCase("stranger", TestName = "An_unknown_id_never_gets_in_and_keeps_trying")]
    public async Task Never_gets_in(string id)
    {
        await using var server = await ServeAsync();
        var refusal = server.RefusalAsync();
        await using var client = Connect(server, Keys.Find("pump-2"), id);
        await AssertNotProvenAsync(client, "the server did not prove that it knows this device's key");
        Assert.That((await refusal).Refusal, Is.EqualTo(Refusal.NotProven));
        Assert.That((await refusal).Id, Is.EqualTo(id));
        Assert.That(server.Find(id), Is.Null);
    }

    [Test]
    public async Task Whoever_only_claims_to_know_a_key_learns_nothing_from_the_answer()
    {
        await using var server = await ServeAsync();
        var answers = new List<string?>();
        foreach (var id in new[] { "pump-1", "stranger" })
        {
            using var tcp = new TcpClient();
            await tcp.ConnectAsync(server.EndPoint);
            using var reader = new StreamReader(tcp.GetStream());
            await using var writer = new StreamWriter(tcp.GetStream()) { AutoFlush = true, NewLine = "\n" };
            await writer.WriteLineAsync($"IOTLINK/2 id={id} conn=1 epoch=1 tx=1 window=64 max=4000 auth=hmac-sha256 nonce={new string('0', 32)}");
            Assert.That(await reader.ReadLineAsync().WaitAsync(Ends.Bound), Does.StartWith("IOTLINK/2 prove nonce="));
            await writer.WriteLineAsync($"IOTLINK/2 proof mac={new string('0', 64)}");
            answers.Add(await reader.ReadToEndAsync().WaitAsync(Ends.Bound));
        }

        Assert.That(answers, Is.All.EqualTo("IOTLINK/2 no code=auth\n"));
        Assert.That(server.Counters.Refused[Refusal.NotProven], Is.EqualTo(2));
    }

    [Test]
    public async Task An_empty_key_is_nobodys([Values] bool ofTheApplication)
    {
        // null becomes an empty key, not no key, where an array is expected: an application's mistake must not open the
        // door.
        byte[]? none = null;
        await using var server = ofTheApplication ? await Ends.ServeAsync(options => options with { KeyOf = _ => none }) : await ServeAsync();
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(server.EndPoint);
        using var reader = new StreamReader(tcp.GetStream());
        await using var writer = new StreamWriter(tcp.GetStream()) { AutoFlush = true, NewLine = "\n" };
        var opening = $"IOTLINK/2 id=stranger conn=1 epoch=1 tx=1 window=64 max=4000 auth=hmac-sha256 nonce={new string('0', 32)}";
        await writer.WriteLineAsync(opening);
        var challenge = Tokens.Parse((await reader.ReadLineAsync().WaitAsync(Ends.Bound))!);
        await writer.WriteLineAsync($"IOTLINK/2 proof mac={Proof.Hex(Proof.OfClient([], opening, challenge.LineWithout("mac")))}");
        Assert.That(await reader.ReadLineAsync().WaitAsync(Ends.Bound), Is.EqualTo("IOTLINK/2 no code=auth"));
        Assert.That(server.Find("stranger"), Is.Null);
    }

    [Test]
    public async Task Without_a_key_it_is_refused_and_reported_and_tries_on()
    {
        await using var server = await ServeAsync();
        var refusal = server.RefusalAsync();
        await using var client = Connect(server, key: null);
        Assert.That((await client.NoticeAsync(LinkNoticeKind.Refused)).Detail, Does.StartWith("the server says 'auth': "));
        Assert.That((await refusal).Refusal, Is.EqualTo(Refusal.NotProven));
        Assert.That((await server.RefusalAsync()).Refusal, Is.EqualTo(Refusal.NotProven), "and again");
        Assert.That((await client.StateAsync(_ => true)).Status, Is.EqualTo(LinkStatus.Connecting));
    }

    [Test]
    public async Task An_open_server_is_taken_for_an_impostor()
    {
        await using var server = await Ends.ServeAsync();
        await using var client = Connect(server, Keys.Find("pump-1"));
        await AssertNotProvenAsync(client, "the server let this device in without proving that it knows its key");
    }

    [Test]
    public async Task A_newcomer_with_the_key_displaces_its_ghost_at_once()
    {
        await using var server = await ServeAsync();
        await using var network = new BadNetwork(server.EndPoint.Port);
        await using var ghost = Ends.Connect(network.Port, options => options with { Key = Keys.Find("pump-1") });
        await ghost.UpAsync();
        var link = await server.LinkAsync();
        await link.UpAsync();

        network.Stall();
        var states = link.State.TakeUntil(s => s.Connections == 2).ToList().Timeout(Ends.Bound).ToTask();
        await using var reborn = Connect(server, Keys.Find("pump-1"));
        await reborn.UpAsync();
        Assert.That((await states).Select(s => (s.Status, s.Outage?.Reason)), Is.EqualTo([(LinkStatus.Up, (OutageReason?)null), (LinkStatus.Down, OutageReason.Displaced), (LinkStatus.Up, null)]));
        Assert.That(await Ends.WorksAsync(server, reborn), Is.True);
    }

    [Test]
    public async Task Who_is_displaced_comes_back_after_its_longest_pause()
    {
        await using var server = await ServeAsync();
        var seldom = new BackOff { Initial = TimeSpan.FromMilliseconds(50), Cap = TimeSpan.FromHours(1) };
        await using var first = Ends.Connect(server.EndPoint.Port, options => options with { Key = Keys.Find("pump-1"), BackOff = seldom });
        await first.UpAsync();
        var told = first.NoticeAsync(LinkNoticeKind.Refused);
        await using var second = Connect(server, Keys.Find("pump-1"));
        await second.UpAsync();
        Assert.That((await told).Detail, Does.StartWith("the peer left: displaced; attempt 2 follows in "));
        Assert.That((await first.StateAsync(s => !s.IsUp)).Outage!.Reason, Is.EqualTo(OutageReason.Displaced));
        Assert.That(await Ends.WorksAsync(server, second), Is.True);
    }

    [Test]
    public async Task Protocol_1_is_refused_where_keys_are_asked_for()
    {
        await using var server = await ServeAsync();
        var refusal = server.RefusalAsync();
        await using var client = Ends.Connect(server.EndPoint.Port, options => options with { Protocol = 1, Timeout = TimeSpan.FromMilliseconds(300) }, "nobody");
        Assert.That((await refusal).Refusal, Is.EqualTo(Refusal.Version));
        await client.NoticeAsync(LinkNoticeKind.ConnectFailed);
        Assert.That(server.Find("nobody"), Is.Null);
    }

    [Test]
    public async Task Protocol_1_beside_keys_is_for_ids_without_one()
    {
        await using var server = await ServeAsync(options => options with { Protocol1 = true });
        var refusal = server.RefusalAsync();
        await using var thief = Ends.Connect(server.EndPoint.Port, options => options with { Protocol = 1 });
        Assert.That((await refusal).Refusal, Is.EqualTo(Refusal.Version));
        await using var old = Ends.Connect(server.EndPoint.Port, options => options with { Protocol = 1 }, "old");
        await old.UpAsync();
        Assert.That(await Ends.WorksAsync(server, old), Is.True);
        Assert.That(server.Find("pump-1"), Is.Null);
    }

    private static async Task AssertNotProvenAsync(IotLinkClient client, string sentence)
    {
        Assert.That((await client.NoticeAsync(LinkNoticeKind.PeerNotProven)).Detail, Does.StartWith(sentence));
        await client.NoticeAsync(LinkNoticeKind.PeerNotProven);
        Assert.That((await client.StateAsync(_ => true)).Status, Is.EqualTo(LinkStatus.Connecting));
    }

    private static IotLinkClient Connect(IotLinkServer server, ReadOnlyMemory<byte>? key, string id = "pump-1") =>
        Ends.Connect(server.EndPoint.Port, options => options with { Key = key }, id);

    private static Task<IotLinkServer> ServeAsync(Func<IotLinkServerOptions, IotLinkServerOptions>? change = null) =>
        Ends.ServeAsync(options => (change?.Invoke(options) ?? options) with { KeyOf = Keys.Find });
}
