using System.Text.RegularExpressions;
using NUnit.Framework;
using Rx.IotLink.Tests.Processes;

namespace Rx.IotLink.Tests.Examples;

/// <summary>The examples as a newcomer runs them: each a process of its own, its output piped.</summary>
[Parallelizable(ParallelScope.All)]
public sealed partial class ExamplesTests
{
    [Test]
    public async Task Fleet_heals_the_outage_of_one_device_and_misses_no_report()
    {
        var output = await PlayAsync("Fleet", "--seconds", "9");

        Assert.That(output, Does.Contain("wifi 3    is gone").And.Match(@"link 3    Down: Silence").And.Match(@"link 3    Up \(connection 2\)"));
        var ends = ApplicationsEnd().Matches(output);
        Assert.That(ends.Select(m => m.Groups["id"].Value), Is.EqualTo(["1", "2", "3", "4"]), output);
        Assert.That(ends.Select(m => int.Parse(m.Groups["reports"].ValueSpan)), Is.All.GreaterThan(5), output);
    }

    [Test]
    [Platform("Linux")]
    public async Task Cluster_loses_nothing_when_its_processes_are_killed_and_stopped()
    {
        // The tests know where PostgreSQL is, and install it where they may.
        Assert.That(Stores.PostgreSql.PostgresProgram.Folder, Is.Not.Empty);
        var output = await PlayAsync("Cluster", "--seconds", "12", "--devices", "20");

        // How many faults there are depends on how long the machine takes to start a process.
        Assert.That(output, Does.Contain("application one is killed").And.Contain("server one is killed"));
        Assert.That(ClusterSums().Count(output), Is.EqualTo(2), output);
    }

    [Test]
    [Platform("Linux")]
    public async Task Cluster_loses_nothing_when_its_servers_are_cut_off_from_the_database_and_from_the_devices()
    {
        Assert.That(Stores.PostgreSql.PostgresProgram.Folder, Is.Not.Empty);
        if (Environment.UserName != "root")
        {
            // Only root makes network namespaces. Others get a message that says so.
            var refused = await Dotnet.RunProgramAsync("Cluster", "--cut-off");
            Assert.That((refused.Exit, refused.Errors.TrimEnd()), Is.EqualTo((2, "--cut-off makes network namespaces: it must run as root, on Linux, and needs 'ip' (apt-get install iproute2).")));
            return;
        }

        var output = await PlayAsync("Cluster", "--seconds", "24", "--devices", "20", "--cut-off");

        Assert.That(output, Does.Contain("server one is cut off from the database").And.Contain("server two is cut off from the devices"), output);
        Assert.That(ClusterSums().Count(output), Is.EqualTo(2), output);
    }

    [Test]
    public async Task RemoteControl_lights_the_lamp_and_puts_it_out()
    {
        var output = await PlayAsync("RemoteControl", "--seconds", "4");

        Assert.That(LampChanges().Matches(output).Select(m => m.Value).Take(4), Is.EqualTo(["● on", "○ off", "● on", "○ off"]), output);
    }

    [Test]
    [Platform("Linux")]
    public async Task Fleet_shows_each_line_above_its_table()
    {
        var (exit, screen) = await Dotnet.RunOnTerminalAsync(90, 40, "Fleet", "--seconds", "9");

        Assert.That(exit, Is.Zero);
        foreach (var id in (string[])["1", "2", "3", "4"])
        {
            Assert.That(screen, Has.Exactly(1).Matches($@"^ *[0-9.]+ s  app {id}     its device is there$"), string.Join('\n', screen));
            Assert.That(screen, Has.Exactly(1).Matches($@"^ *[0-9.]+ s  app {id}     [0-9]+ reports, 0 missing"));
            Assert.That(screen, Has.Exactly(1).Matches($@"[●○] {id} +(up|down) "), "one table");
        }

        Assert.That(screen, Has.Exactly(1).Matches("^ *[0-9.]+ s  wifi 3    is gone$"));
    }

    [Test]
    public async Task RemoteControl_plays_in_three_processes()
    {
        var port = Cli.FreePort.Get().ToString(System.Globalization.CultureInfo.InvariantCulture);
        var playing = ((string[])["server", "lamp", "button"]).Select(role => Dotnet.RunProgramAsync("RemoteControl", "--role", role, "--port", port, "--seconds", "6")).ToList();
        var (server, lamp, button) = (await playing[0], await playing[1], await playing[2]);

        foreach (var ended in (Ended[])[server, lamp, button])
            Assert.That((ended.Exit, ended.Errors), Is.EqualTo((0, "")), ended.ToString());
        Assert.That(server.Output, Does.Contain($":{port}").And.Contain("lamp is up").And.Contain("button is up"));
        Assert.That(LampChanges().Matches(lamp.Output).Select(m => m.Value).Take(4), Is.EqualTo(["● on", "○ off", "● on", "○ off"]), lamp.Output);
    }

    [Test]
    public async Task RemoteControl_needs_no_port_in_three_processes()
    {
        var server = Dotnet.RunProgramAsync("RemoteControl", "--role", "server", "--seconds", "1");
        foreach (var role in (string[])["lamp", "button"])
        {
            var ended = await Dotnet.RunProgramAsync("RemoteControl", "--role", role, "--seconds", "1");
            Assert.That((ended.Exit, ended.Errors), Is.EqualTo((0, "")), ended.ToString());
        }

        // If another program has the port, the example says so in one sentence.
        var ran = await server;
        Assert.That(ran.Output + ran.Errors, Does.Contain("8123"));
        Assert.That((ran.Exit, ran.Errors.Count(c => c == '\n')), Is.EqualTo((0, 0)).Or.EqualTo((2, 1)), ran.ToString());
    }

    [TestCase("lamp")]
    [TestCase("button")]
    public async Task RemoteControl_says_in_one_sentence_that_any_free_port_is_none(string role)
    {
        var ended = await Dotnet.RunProgramAsync("RemoteControl", "--role", role, "--port", "0");
        Assert.That((ended.Exit, ended.Errors.Trim()), Is.EqualTo((2, $"--port must be the server's, 1 to 65535, with --role {role}; it was 0.")));
    }

    [TestCase("1")]
    [TestCase("2")]
    public async Task Qos_counts_each_line_once_in_both_directions_through_faults(string protocol)
    {
        var output = await PlayAsync("Qos", "--seconds", "8", "--seed", "3", "--protocol", protocol);

        AssertFlawless(output, atLeast: 100);
        Assert.That(Verdict().Match(output).Groups["outages"].Value, Is.Not.Empty.And.Not.EqualTo("0"), output);
        Assert.That(output, Does.Contain("  proxy  "));
    }

    [Test]
    public async Task QosFast_counts_each_line_once_with_many_under_way()
    {
        var output = await PlayAsync("QosFast", "--seconds", "2", "--together", "32");

        AssertFlawless(output, atLeast: 64);
        Assert.That(output, Does.Match("  32 at a time: [0-9,]+ lines a second"));
    }

    [Test]
    public async Task PeerToPeer_starts_its_token_when_all_are_there()
    {
        var output = await PlayAsync("PeerToPeer", "--seconds", "4", "--peers", "3");

        // The last of three comes after 0.8 s, and nothing starts before it is there.
        foreach (var peer in (string[])["a", "b", "c"])
            Assert.That(output, Does.Contain($"{peer}         is here"));
        Assert.That(double.Parse(AllHere().Match(output).Groups["at"].ValueSpan), Is.GreaterThan(0.75), output);
        Assert.That(output.IndexOf("  token  ", StringComparison.Ordinal), Is.GreaterThan(AllHere().Match(output).Index));
        Assert.That(TokenEnd().Match(output).Groups["rounds"].Value, Has.Length.GreaterThan(1), "ten rounds or more: " + output);
    }

    [Test]
    public async Task An_example_says_in_one_sentence_what_is_wrong_with_an_option(
        [Values("Fleet", "RemoteControl", "Qos", "QosFast", "PeerToPeer", "AspNet")] string name)
    {
        var ended = await Dotnet.RunProgramAsync(name, "--seconds", "soon");

        Assert.That((ended.Exit, ended.Output), Is.EqualTo((2, "")), ended.ToString());
        Assert.That(ended.Errors.Trim(), Is.EqualTo("--seconds must be a whole number from 0 to 1000000, not 'soon'."));
    }

    private static void AssertFlawless(string output, int atLeast)
    {
        var sums = Sums().Matches(output);
        Assert.That(sums, Has.Count.EqualTo(2), output);
        foreach (Match sum in sums)
        {
            var written = int.Parse(sum.Groups["written"].ValueSpan);
            Assert.That(written, Is.AtLeast(atLeast));
            Assert.That(sum.Groups["rest"].Value, Is.EqualTo($"accepted {written}, received {written}, lost 0, repeated 0, out of order 0"));
        }
    }

    private static async Task<string> PlayAsync(string name, params string[] arguments)
    {
        var ended = await Dotnet.RunProgramAsync(name, arguments);
        Assert.That(ended.Exit, Is.Zero, ended.ToString());
        Assert.That(ended.Errors, Is.Empty);
        Assert.That(ended.Output, Does.Not.Contain('\u001b'), "no colours in a pipe");
        return ended.Output;
    }

    [GeneratedRegex("written [1-9][0-9]+, accepted [0-9]+, received [0-9]+, lost 0, repeated 0, out of order 0", RegexOptions.ExplicitCapture, 1_000)]
    private static partial Regex ClusterSums();

    [GeneratedRegex(@"app (?<id>\d)     (?<reports>\d+) reports, 0 missing", RegexOptions.None, 1_000)]
    private static partial Regex ApplicationsEnd();

    [GeneratedRegex("(● on|○ off)", RegexOptions.ExplicitCapture, 1_000)]
    private static partial Regex LampChanges();

    [GeneratedRegex(@"verdict   (?<outages>\d+) outages, .*: each line once, in order", RegexOptions.None, 1_000)]
    private static partial Regex Verdict();

    [GeneratedRegex(@"(up|down) +sums: written (?<written>\d+), (?<rest>.*?)\r?$", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1_000)]
    private static partial Regex Sums();

    [GeneratedRegex(@"(?<at>[0-9.]+) s  server    all are here", RegexOptions.None, 1_000)]
    private static partial Regex AllHere();

    [GeneratedRegex(@"hops in all, (?<rounds>\d+) rounds", RegexOptions.None, 1_000)]
    private static partial Regex TokenEnd();
}
