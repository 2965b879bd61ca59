using System.Text;
using Microsoft.Extensions.Logging;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server;

/// <summary>
/// Who is let in, and how a refusal is reported: closed by FIN, counted, logged with its address, and nothing else
/// is affected.
/// </summary>
public sealed class AdmissionTests : ServerTest
{
    private static readonly IEnumerable<TestCaseData> BadIds =
    [
        Bad("empty", "\n"u8, "the id is empty"),
        Bad("not UTF-8", [0xff, (byte)'\n'], "the first line is not UTF-8: FF"),
        Bad("overlong UTF-8", [0xc0, 0xaf, (byte)'\n'], "the first line is not UTF-8: C0AF"),
        Bad("CR at its end", "pump\r\n"u8, "the id ends in CR: lines end in LF alone"),
        Bad("control character", "pu\u0007mp\n"u8, "the id has a control character"),
        Bad("nul", "\0\n"u8, "the id has a control character"),
        Bad("too long", [.. Enumerable.Repeat((byte)'x', 129), (byte)'\n'], "a line of more than 128 bytes, which is the limit", Refusal.TooLong),
        Bad("too long, no LF", [.. Enumerable.Repeat((byte)'x', 129)], "a line of more than 128 bytes, which is the limit", Refusal.TooLong),
    ];

    [TestCaseSource(nameof(BadIds))]
    public async Task A_bad_id_is_refused(byte[] bytes, string detail, Refusal refusal)
    {
        var server = await StartServerAsync();
        var bystander = await JoinAsync(server, "bystander");
        var peer = await ConnectAsync(server);
        await peer.SayAsync(bytes);

        await AssertRefusedAsync(server, peer, refusal, "", detail);

        await AssertServedAsync(server, bystander, "bystander");
    }

    [TestCase("", "")]
    [TestCase("pump-1", "the first half of an id")]
    public async Task An_id_that_is_late_is_refused(string said, string what)
    {
        var server = await StartServerAsync(ServerOptions with { OpeningTimeout = Short });
        var bystander = await JoinAsync(server, "bystander");
        var peer = await ConnectAsync(server);
        await peer.SayAsync(said);

        await AssertRefusedAsync(server, peer, Refusal.OpeningTimeout, "", "no id within 0.3 s");

        await AssertServedAsync(server, bystander, "bystander");
        Assert.That(what, Is.Not.Null);
    }

    [Test]
    public async Task The_time_to_say_the_id_is_five_timeouts_if_no_other_is_given()
    {
        var server = await StartServerAsync(ServerOptions with { Timeout = Short });
        var peer = await ConnectAsync(server);

        await AssertRefusedAsync(server, peer, Refusal.OpeningTimeout, "", "no id within 1.5 s");
    }

    [Test]
    public async Task One_that_closes_or_breaks_before_its_id_is_counted()
    {
        var server = await StartServerAsync();
        var changes = server.Changes.Record();
        var closes = await ConnectAsync(server);
        await closes.SayAsync("pu");
        closes.Dispose();
        await changes.FirstAsync(c => c is { Refusal: Refusal.NoId, Detail: "it closed before it had said its id" });
        var breaks = await ConnectAsync(server);
        await breaks.SayAsync("pum");
        await Bound.EventuallyAsync(() => server.Counters.Openings == 1);
        breaks.Reset();

        await changes.UntilAsync(c => c.Count(x => x.Refusal == Refusal.NoId) == 2);

        Assert.That(server.Counters.Refused[Refusal.NoId], Is.EqualTo(2));
        Assert.That(server.Counters.Links, Is.Zero);
    }

    [Test]
    public async Task An_unknown_id_is_served_with_a_warning()
    {
        var server = await StartServerAsync(ServerOptions with { Expected = ["1"] });
        await JoinAsync(server, "1");
        var stranger = await JoinAsync(server, "stranger");

        var warning = await Log.Entries.FirstAsync(e => e.Id == 11);

        Assert.That(warning, Is.EqualTo(new LogEntry(LogLevel.Warning, 11, "stranger, from 127.0.0.1, is not expected; it is served all the same", null)));
        await AssertServedAsync(server, stranger, "stranger");
        Assert.That(Log.Entries.Values.Count(e => e.Id == 11), Is.EqualTo(1));
    }

    [Test]
    public async Task An_unknown_id_is_refused_if_so_wished_and_an_expected_one_is_not()
    {
        var server = await StartServerAsync(ServerOptions with { Expected = ["1"], UnknownIds = UnknownIdPolicy.Refuse });
        var stranger = await ConnectAsync(server, "stranger");

        await AssertRefusedAsync(server, stranger, Refusal.UnknownId, "stranger", "the id is not expected");

        Assert.That(server.Find("stranger"), Is.Null);
        await AssertServedAsync(server, await JoinAsync(server, "1"), "1");
    }

    [Test]
    public async Task Only_so_many_unknown_ids_are_let_in_and_they_stay_let_in()
    {
        var server = await StartServerAsync(ServerOptions with { Expected = ["1"], MaxUnknownIds = 2 });
        var known = await JoinAsync(server, "a");
        await JoinAsync(server, "b");
        var further = await ConnectAsync(server, "c");

        await AssertRefusedAsync(server, further, Refusal.TooManyUnknownIds, "c", "2 unknown ids are known already, the limit is 2");

        known.Dispose();
        await server.Find("a")!.State.FirstAsync(s => !s.IsUp);
        await AssertServedAsync(server, await JoinAsync(server, "a"), "a");
        await AssertServedAsync(server, await JoinAsync(server, "1"), "1");
    }

    [Test]
    public async Task Only_so_many_connections_are_let_in_until_one_ends()
    {
        var server = await StartServerAsync(ServerOptions with { MaxConnections = 2 });
        var first = await JoinAsync(server, "1");
        var second = await JoinAsync(server, "2");
        var third = await ConnectAsync(server);

        await AssertRefusedAsync(server, third, Refusal.TooManyConnections, "", "2 connections are there already");

        await AssertServedAsync(server, second, "2");
        first.Dispose();
        await Bound.EventuallyAsync(() => server.Counters.Connections == 1);
        await AssertServedAsync(server, await JoinAsync(server, "3"), "3");
    }

    [Test]
    public async Task Only_so_many_may_be_silent_and_the_oldest_gives_way()
    {
        var server = await StartServerAsync(ServerOptions with { MaxOpenings = 2 });
        var first = await ConnectAsync(server);
        await Bound.EventuallyAsync(() => server.Counters.Openings == 1);
        var second = await ConnectAsync(server);
        await Bound.EventuallyAsync(() => server.Counters.Openings == 2);
        var third = await ConnectAsync(server);

        await AssertRefusedAsync(server, first, Refusal.TooManyOpenings, "", "2 connections have not said their id yet");

        await second.SayAsync("2\n");
        await server.WaitForAsync("2").Within();
        await third.SayAsync("3\n");
        await server.WaitForAsync("3").Within();
        await AssertServedAsync(server, await JoinAsync(server, "4"), "4");
    }

    [Test]
    public async Task A_live_id_is_refused_to_another_connection_and_the_first_one_goes_on()
    {
        var server = await StartServerAsync();
        var owner = await JoinAsync(server);
        var other = await ConnectAsync(server, "1");

        await AssertRefusedAsync(server, other, Refusal.IdLive, "1", "a connection of this id is live");

        await AssertServedAsync(server, owner, "1");
    }

    [Test]
    public async Task The_longest_id_is_measured_in_bytes_of_UTF8()
    {
        var server = await StartServerAsync(ServerOptions with { MaxIdBytes = 4, IdPattern = "[aé]+" });
        await AssertServedAsync(server, await JoinAsync(server, "éé"), "éé");
        var longer = await ConnectAsync(server, "ééa");

        await AssertRefusedAsync(server, longer, Refusal.TooLong, "", "a line of more than 4 bytes, which is the limit");
    }

    private static TestCaseData Bad(string name, ReadOnlySpan<byte> bytes, string detail, Refusal refusal = Refusal.BadId) =>
        new TestCaseData(bytes.ToArray(), detail, refusal).SetArgDisplayNames(name);

    private async Task AssertRefusedAsync(IotLinkServer server, RawPeer peer, Refusal refusal, string id, string detail)
    {
        Assert.That(await peer.HearToEndAsync(), Is.Empty, "closed without a word, by FIN");
        var logged = await Log.Entries.FirstAsync(e => e.Id == 13);
        Assert.That(logged.Level, Is.EqualTo(LogLevel.Warning));
        Assert.That(logged.Text, Is.EqualTo($"Refused a connection from {peer.Address}, id '{id}': {refusal}, {detail}"));
        var counters = server.Counters;
        Assert.That(counters.Refused, Is.EquivalentTo(Enum.GetValues<Refusal>().Select(r => KeyValuePair.Create(r, r == refusal ? 1L : 0L))));
    }

    private static async Task AssertServedAsync(IotLinkServer server, RawPeer peer, string id)
    {
        await peer.SayAsync("00still served\n");
        Assert.That(await server.Find(id)!.ReadLineAsync().Within(), Is.EqualTo("still served"));
        Assert.That(await peer.HearLineAsync(), Is.EqualTo("00"));
    }
}
