using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Protocol.Linking;
using Rx.IotLink.Tests.Protocol2.Driving;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Security;

/// <summary>What strangers can do to a log: neither fill it nor write in it.</summary>
public sealed partial class LogFloodTests : ServerTest
{
    // LF, CR, ESC, a C1, TAB, DEL, what turns the direction of text, what hides in it, and what ends lines elsewhere.
    private const string Hostile = "\n[Information] root is up\r\u001b[2J\u009b2J\t\u007f\u202e\u2066\u200b\u2028\u2029\u00ad";

    [Test]
    public async Task Health_checks_are_counted_and_nothing_else([Values] bool resets)
    {
        var server = await StartServerAsync();
        var changes = server.Changes.Record();
        for (var check = 0; check < 300; check++)
        {
            var peer = await RawPeer.ConnectAsync(server.EndPoint);
            if (resets)
                peer.Reset();
            else
                peer.Dispose();
        }

        await Bound.EventuallyAsync(() => server.Counters is { SilentConnections: 300, Connections: 0 });
        await server.StopAsync().Within();

        Assert.Multiple(() =>
        {
            Assert.That(server.Counters.Refused.Values.Sum(), Is.Zero);
            Assert.That(Log.Entries.Values.Where(e => e.Level >= LogLevel.Warning && e.Id != 4), Is.Empty);
            Assert.That(changes.Values, Is.Empty);
        });
    }

    [Test]
    public void Ten_thousand_refusals_in_five_seconds_are_a_handful_of_entries_and_none_is_missing()
    {
        using var bench = new ServerBench(options => options with { LoggerFactory = Log, UnknownIds = UnknownIdPolicy.Refuse });
        string[] from = ["192.0.2.1", "192.0.2.2", "2001:db8:0:1::1", "2001:db8:0:1:ffff::2"];
        for (var knock = 0; knock < 10_000; knock++)
        {
            Knock(bench, from[knock % from.Length], (knock % 2 == 0 ? ServerBench.Opening("1") : "IOTLINK/2 what?") + "\n");
            bench.Run(TimeSpan.FromMilliseconds(0.5));
        }

        Assert.That(Log.Entries.Values.Count(e => e.Level >= LogLevel.Warning), Is.InRange(4, 20));
        bench.Run(TimeSpan.FromSeconds(10));
        for (var knock = 0; knock < 7; knock++)
            Knock(bench, from[0], "IOTLINK/2 what?\n");
        Stop(bench);

        var entries = Log.Entries.Values;
        var refused = bench.Server.Counters.Refused;
        Assert.Multiple(() =>
        {
            Assert.That(refused[Refusal.UnknownId] + refused[Refusal.BadId], Is.EqualTo(10_007));
            foreach (var kind in new[] { Refusal.UnknownId, Refusal.BadId })
            {
                var once = entries.Count(e => e.Id == 13 && e.Text.Contains($": {kind}, ", StringComparison.Ordinal));
                var more = entries.Where(e => e.Id == 8 && e.Text.EndsWith($"was refused ({kind})", StringComparison.Ordinal)).Sum(Count);
                Assert.That(once + more, Is.EqualTo(refused[kind]), $"{kind}");
            }

            // Both addresses of the network of 64 bits are one origin.
            Assert.That(entries.Where(e => e.Id == 8).Select(e => e.Text), Has.Some.Contains("2001:db8:0:1::/64 was refused"));
        });
    }

    [Test]
    public void Who_comes_and_goes_all_the_time_is_a_handful_of_entries([Values] bool expected)
    {
        using var bench = new ServerBench(options => options with { LoggerFactory = Log, Expected = expected ? ["pump-1"] : [] });
        for (var visit = 1; visit <= 1_000; visit++)
        {
            var peer = bench.Connect(ServerBench.Opening("1", connection: visit), from: "192.0.2.1");
            peer.Say($"!bye {new string('x', 3_900)}\n");
            bench.Run(TimeSpan.FromMilliseconds(1));
        }

        Stop(bench);

        var entries = Log.Entries.Values;
        Assert.Multiple(() =>
        {
            Assert.That(entries.Count(e => e.Id is 20 or 21 or 8), Is.LessThan(30));
            Assert.That(entries.Sum(e => e.Text.Length), Is.LessThan(10_000));
            Assert.That(entries.Count(e => e.Id == 20) + entries.Where(e => e.Id == 8 && e.Text.EndsWith("is up", StringComparison.Ordinal)).Sum(Count), Is.EqualTo(1_000));
        });
    }

    [Test]
    public void What_a_stranger_says_never_stands_in_a_log_as_it_came()
    {
        using var bench = new ServerBench(options => options with { LoggerFactory = Log });
        var changes = bench.Server.Changes.Record();
        bench.Server.Links.Subscribe(link => link.Lines.Subscribe(line => throw new FormatException($"'{line}' is no number:\nit is {Hostile}", new InvalidOperationException(Hostile))));
        var encoded = string.Concat(Encoding.UTF8.GetBytes(Hostile).Select(b => $"%{b:X2}"));
        var raw = Hostile.Replace("\n", "", StringComparison.Ordinal).Replace(' ', '_');
        string[] openings =
        [
            ServerBench.Opening("1", id: encoded), ServerBench.Opening("1", id: "a%E2%80%AE"), ServerBench.Opening(raw), ServerBench.Opening("1", more: $" {raw}"), ServerBench.Opening("1", more: $" x={raw} x={raw}"),
            ServerBench.Opening("1").Replace("conn=1", $"conn={encoded}", StringComparison.Ordinal), $"IOTLINK/2 {raw}", $"IOTLINK/2 {raw}=1 {raw}=1", $"q\t\u001b[2J{raw}", "q\u202e",
        ];
        foreach (var opening in openings)
        {
            Knock(bench, from: null, opening + "\n");
            bench.Run(ServerLog.Every);
        }

        foreach (var line in new[] { $"!bye {raw}", $"=8000{raw}", $"~8000{raw}", $"+0001{raw}", raw })
        {
            bench.Connect(ServerBench.Opening("1", id: "1")).Say(line + "\n");
            bench.Run(ServerLog.Every);
        }

        Stop(bench);

        Assert.Multiple(() =>
        {
            Assert.That(bench.Server.Counters.Refused[Refusal.BadId], Is.EqualTo(openings.Length));
            foreach (var entry in Log.Entries.Values)
            {
                Assert.That(entry.Text, Does.Not.Match(Unprintable()));
                Assert.That(entry.Error?.Message ?? "", Does.Not.Match(Unprintable()));
                Assert.That(entry.Error?.ToString() ?? "", Does.Not.Contain("\n[Information]").And.Not.Contain("\u001b").And.Not.Contain("\u202e"));
            }

            Assert.That(Log.Entries.Values.Where(e => e.Id == 31).Select(e => e.Error!.ToString()), Has.All.Contains("System.FormatException: '").And.All.Contains("System.InvalidOperationException: \\n"));
            Assert.That(changes.Values.Select(c => c.Detail + c.Id), Is.All.Not.Matches(Unprintable()));
        });
    }

    [Test]
    public void What_a_stranger_says_as_a_server_never_stands_in_a_notice_as_it_came()
    {
        var raw = Hostile.Replace("\n", "", StringComparison.Ordinal).Replace(' ', '_');
        var encoded = string.Concat(Encoding.UTF8.GetBytes(Hostile).Select(b => $"%{b:X2}"));
        List<string> told = [];
        foreach (var answer in new[] { $"IOTLINK/2 no code={raw} retry=1 text={encoded}", $"IOTLINK/2 {raw}", $"IOTLINK/2 ok epoch={raw}", "IOTLINK/2 ok epoch=1 tx=1 window=1 max=9 timeout=2000\n!bye " + raw, raw })
        {
            var network = new ScriptedNetwork();
            var client = IotLinkClient.Start(new() { Host = "script", Id = "1", Protocol = 2, Transport = network, Scheduler = network.Scheduler });
            client.Notices.Subscribe(notice => told.Add(notice.Detail));
            client.State.Subscribe(state => told.Add(state.ToString()));
            network.Scheduler.AdvanceBy(1);
            network.Server.Say(answer + "\n");
            network.Scheduler.AdvanceBy(TimeSpan.FromSeconds(1).Ticks);
        }

        Assert.Multiple(() =>
        {
            Assert.That(told.Count(t => t.Contains("\\u{1b}", StringComparison.Ordinal)), Is.AtLeast(4));
            Assert.That(told, Is.All.Not.Matches(Unprintable()));
        });
    }

    private static void Knock(ServerBench bench, string? from, string says)
    {
        var peer = new ScriptedPeer(() => bench.Scheduler.Clock) { RemoteEndPoint = from is null ? null : new IPEndPoint(IPAddress.Parse(from), 4_711) };
        _ = bench.Server.ServeAsync(peer);
        peer.Say(says);
    }

    private static void Stop(ServerBench bench)
    {
        using var now = new CancellationTokenSource();
        now.Cancel();
        _ = bench.Server.StopAsync(now.Token);
        bench.Run(TimeSpan.FromSeconds(1));
    }

    private static int Count(LogEntry more) => int.Parse(more.Text.Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture);

    [GeneratedRegex(@"[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]", RegexOptions.NonBacktracking)]
    private static partial Regex Unprintable();
}
