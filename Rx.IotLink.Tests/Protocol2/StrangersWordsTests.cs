using System.Globalization;
using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Tests.Protocol.Linking;
using Rx.IotLink.Tests.Protocol2.Driving;

namespace Rx.IotLink.Tests.Protocol2;

/// <summary>
/// What somebody unproven says of itself when a connection opens ends with that connection: for each thing that is said
/// there, the one who comes next finds all as if nobody had been there.
/// </summary>
public sealed class StrangersWordsTests
{
    private const string Device = "00000000000000aa";
    private const string ServerEpoch = "00000000000000cc";
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    /// <summary>What a client says, each at its most harmful.</summary>
    private static readonly string[] OfClients =
    [
        "id=pump-1", "conn=1", "conn=18446744073709551615", "epoch=bb", "tx=18446744073709535231", "peer=1 rx=0", "peer=1 rx=18446744073709535231", "peer=1 rx=0 seen=18446744073709535231",
        "window=1", "window=16384", "max=1", "max=1048576", "auth=hmac-sha256 nonce=00000000000000000000000000000000",
    ];

    /// <summary>What a server says, each at its most harmful.</summary>
    private static readonly string[] OfServers =
    [
        "epoch=dd", "tx=18446744073709535231", "peer=1 rx=0", "peer=1 rx=18446744073709535231", "window=1", "window=16384", "max=1", "max=1048576", "timeout=1", "timeout=300000",
        "no code=auth", "no code=version", "no code=overloaded retry=86400000 text=go%20away", "no code=state retry=0", "prove nonce=00000000000000000000000000000000",
    ];

    [Test]
    public void All_that_is_said_is_in_these_lists()
    {
        var offer = new SessionOffer(Epoch: 1, Tx: 1, Peer: 1, Rx: 0, Seen: 1, Window: 1, Max: 1);
        var client = Keys(new ClientOpening("pump-1", 1, offer, new byte[16]).Write());

        Assert.That(Keys(string.Join(' ', OfClients)), Is.EquivalentTo(client));
        // A server says the same of itself in its answer, but for who it is.
        string[] ofClientsAlone = ["id", "conn", "auth", "seen"];
        Assert.That(Keys(string.Join(' ', OfServers)), Is.SupersetOf(client.Except(ofClientsAlone).Concat(["timeout", "code", "retry", "text"])));
    }

    [TestCaseSource(nameof(OfClients))]
    public void At_a_server_nothing_of_it_is_left(string said)
    {
        var alone = AtServer(null);
        var after = AtServer(With($"IOTLINK/2 id=pump-1 conn=1 epoch=00000000000000bb tx=1 window=64 max=4000", said));

        Assert.That(after, Is.EqualTo(alone));
    }

    [Test]
    public void At_a_server_nothing_is_left_of_another_version_but_the_name_of_its_memory() =>
        Assert.That(AtServer("pump-1", namesMemory: false), Is.EqualTo(AtServer(null, namesMemory: false)));

    [Test]
    public void At_a_server_an_address_is_forgotten_when_it_has_been_away_as_long_as_it_was_there()
    {
        using var bench = new ServerBench(o => o with { PinAddresses = true });
        var stranger = bench.Connect(ServerBench.Opening("00000000000000bb"), from: "192.0.2.66");
        stranger.Reset();
        bench.Run(3 * Second);

        Assert.That(bench.Connect(ServerBench.Opening(Device), from: "192.0.2.1").Take()[0], Does.StartWith("IOTLINK/2 ok "));
    }

    [TestCaseSource(nameof(OfServers))]
    public void At_a_client_nothing_of_it_is_left_but_the_name_of_its_memory(string said)
    {
        const string Opening = "IOTLINK/2 ok epoch=00000000000000dd tx=1 window=64 max=4000 timeout=2000";
        var alone = AtClient(null);
        var after = AtClient(said.StartsWith("no ", StringComparison.Ordinal) || said.StartsWith("challenge", StringComparison.Ordinal) ? $"IOTLINK/2 {said}" : With(Opening, said));

        Assert.That(after, Is.EqualTo(alone));
    }

    /// <summary>
    /// A device comes, goes, and comes again; a stranger may have been there meanwhile. Gives what the device and the
    /// application find then.
    /// </summary>
    private static string AtServer(string? stranger, bool namesMemory = true)
    {
        using var bench = new ServerBench();
        var lines = new List<string>();
        bench.Server.Links.Subscribe(link => link.Lines.Subscribe(lines.Add));
        var first = bench.Connect(ServerBench.Opening(Device));
        first.Say("+0001a\n");
        bench.Run(Second);
        var epoch = Tokens.Parse(first.Take()[0].TrimEnd('\n')).Value("epoch");
        first.Reset();
        var link = bench.Server.Find("pump-1")!;
        var early = link.WriteAsync("x");
        bench.Run(Second);

        if (stranger is not null)
        {
            var peer = bench.Connect(stranger);
            bench.Run(Second);
            peer.Reset();
        }

        bench.Run(5 * Second);
        var late = link.WriteAsync("a line that is longer than one byte");
        var device = bench.Connect(ServerBench.Opening(Device, connection: 2, more: $" peer={epoch} rx=0"));
        device.Say("+0002b\n");
        bench.Run(TimeSpan.FromMilliseconds(100));
        var heard = string.Concat(device.Take());
        device.Say("=0001\n=0002\n");
        var seconds = 0;
        for (; !device.IsEnded && seconds < 1_000; seconds++)
            bench.Run(Second);
        if (!namesMemory)
            heard = Without(heard, "epoch", "peer", "rx", "seen");
        return $"{heard}| {string.Join(',', lines)} | {early.Status} {late.Status} | {seconds} s | {link.State.FirstAsync().Wait().Outage}";
    }

    /// <summary>The same for a client and its servers.</summary>
    private static string AtClient(string? impostor)
    {
        const string Ok = $"IOTLINK/2 ok epoch={ServerEpoch} tx=1 window=9 max=99 timeout=2000";
        var servers = new ScriptedServers(o => o with { Protocol = 2 });
        var lines = new List<string>();
        servers.Client.Lines.Subscribe(lines.Add);
        var own = servers.Next();
        own.Say($"{Ok}\n+0001a\n");
        servers.Advance(10);
        own.Reset();
        var early = servers.Client.WriteAsync("x");

        if (impostor is not null)
        {
            servers.Answer(impostor + "\n").Reset();
        }

        var late = servers.Client.WriteAsync("a line that is longer than one byte");
        var back = servers.Next();
        var opening = ScriptedServers.First(back).TrimEnd('\n');
        var epoch = Tokens.Parse(opening).Value("epoch");
        back.Take();
        back.Say($"{Ok} peer={epoch} rx=0\n+0002b\n");
        servers.Advance(100);
        var heard = string.Concat(back.Take());
        back.Say("=0001\n=0002\n");
        var seconds = 0;
        for (; !back.IsEnded && seconds < 1_000; seconds++)
            servers.Advance(1_000);
        return $"{Without(opening, "conn", "epoch", "peer", "rx", "seen")} | {heard}| {string.Join(',', lines)} | {early.Status} {late.Status} | {seconds.ToString(CultureInfo.InvariantCulture)} s";
    }

    /// <summary>A line in which some tokens have other values, or are added.</summary>
    private static string With(string line, string said)
    {
        foreach (var token in said.Split(' '))
        {
            var key = token[..(token.IndexOf('=', StringComparison.Ordinal) + 1)];
            var before = line.Split(' ').FirstOrDefault(t => t.StartsWith(key, StringComparison.Ordinal));
            line = before is null ? $"{line} {token}" : line.Replace($" {before}", $" {token}", StringComparison.Ordinal);
        }

        return line;
    }

    private static string Without(string text, params string[] keys) =>
        string.Join(' ', text.Split(' ').Where(token => !keys.Contains(token.Split('=')[0])));

    private static IEnumerable<string> Keys(string line) => line.Split(' ').Where(t => t.Contains('=', StringComparison.Ordinal)).Select(t => t.Split('=')[0]).Distinct();
}
