using NUnit.Framework;
using Rx.IotLink.Tests.Security;

namespace Rx.IotLink.Tests.Cli;

/// <summary>The command with keys.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
internal sealed class KeyTests
{
    private const string WantsKey = "pump-1 refused: the server wants a key, and this device gave none: give it with --key-file "
        + "(the server says 'auth': it wants proof of this device's key, and had none or a wrong one; attempt 2 follows in ";

    private TestFiles files = null!;

    [SetUp]
    public void MakeFiles() => files = new();

    [TearDown]
    public void RemoveFiles() => files.Dispose();

    [TestCase("pump-1")]
    [TestCase("öl ∂ 7")]
    public async Task A_new_key_is_a_line_of_a_key_file(string id)
    {
        await using var command = IotLinkProcess.Start("key", "new", id);
        Assert.That(await command.ExitAsync(), Is.Zero);
        Assert.That(await IotLinkProcess.AllAsync(command.Events), Is.Empty);
        var lines = await IotLinkProcess.AllAsync(command.Output);
        Assert.That(lines, Has.Count.EqualTo(1));
        Assert.That(DeviceKeys.Parse(lines).Ids, Is.EqualTo([id]));
    }

    [TestCase("", "is empty")]
    [TestCase("a\tb", "has a control character")]
    [TestCase(" a", "begins or ends with a blank")]
    public async Task An_id_that_no_key_file_can_hold_is_refused(string id, string fault)
    {
        await using var command = IotLinkProcess.Start("key", "new", id);
        await AssertUsageAsync(command, fault);
    }

    [Test]
    public async Task With_the_right_key_lines_go_both_ways()
    {
        var keys = KeyFile("keys", "pump-1");
        var (server, port) = await IotLinkProcess.ServeAsync("--key-file", keys);
        await using var serving = server;
        await using var client = IotLinkProcess.Connect(port, "pump-1", "--key-file", keys);
        await client.WriteAsync("there\n\n");
        Assert.That(await server.OutputAsync(2), Is.EqualTo(["pump-1\tthere", "pump-1\t"]), "protocol 2 carries empty lines");
        await server.WriteAsync("pump-1\tback\npump-1\t\n");
        Assert.That(await client.OutputAsync(2), Is.EqualTo(["back", ""]));
        client.EndInput();
        Assert.That(await client.ExitAsync(), Is.Zero);
        Assert.That(await IotLinkProcess.AllAsync(client.Events), Is.EqualTo(["pump-1 up (connection 1)"]));
    }

    [TestCase("pump-1", true, "pump-1 refused: the server did not prove that it has this device's key: it has another one, or none, or is an impostor; it is tried again")]
    [TestCase("stranger", true, "stranger refused: the server did not prove that it has this device's key: it has another one, or none, or is an impostor; it is tried again")]
    [TestCase("pump-1", false, WantsKey)]
    public async Task Who_is_refused_hears_one_sentence(string id, bool withKey, string sentence)
    {
        var (server, port) = await IotLinkProcess.ServeAsync("--key-file", KeyFile("server", "pump-1"));
        await using var serving = server;
        await using var client = IotLinkProcess.Connect(port, id, withKey ? ["--key-file", KeyFile("client", id)] : []);
        client.EndInput();
        Assert.That(await client.ExitAsync(), Is.EqualTo(1));
        Assert.That(await IotLinkProcess.AllAsync(client.Events), Has.Count.EqualTo(1).And.All.StartsWith(sentence));
        Assert.That(await server.EventAsync("refused"), Does.StartWith($"{id} refused: it "));
    }

    [Test]
    [Platform(Exclude = "Win")]
    public async Task Who_is_refused_tries_on_while_its_input_is_open()
    {
        var own = KeyFile("own", "pump-1");
        var keys = KeyFile("server", "pump-1");
        var (server, port) = await IotLinkProcess.ServeAsync("--key-file", keys);
        await using var serving = server;
        await using var client = IotLinkProcess.Connect(port, "pump-1", "--key-file", own);
        await client.WriteAsync("one\n");
        await client.EventAsync("pump-1 refused: ");
        files.Write("server", await File.ReadAllTextAsync(own));
        server.Signal("HUP");
        Assert.That(await server.OutputAsync(1), Is.EqualTo(["pump-1\tone"]));
        client.EndInput();
        Assert.That(await client.ExitAsync(), Is.Zero);
    }

    [TestCase("")]
    [TestCase("one\n", "1 line was not acknowledged")]
    [TestCase("one\ntwo\n", "2 lines were not acknowledged")]
    public async Task Without_a_key_it_is_refused_though_its_input_has_ended(string lines, params string[] more)
    {
        var (server, port) = await IotLinkProcess.ServeAsync("--key-file", KeyFile("server", "pump-1"));
        await using var serving = server;
        await using var client = IotLinkProcess.Connect(port, "pump-1");
        await client.WriteAsync(lines);
        client.EndInput();
        Assert.That(await client.ExitAsync(), Is.EqualTo(1));
        var events = await IotLinkProcess.AllAsync(client.Events);
        Assert.That(events[0], Does.StartWith(WantsKey));
        Assert.That(events.Skip(1), Is.EqualTo(more));
    }

    [Test]
    public async Task A_key_is_not_shown_to_an_open_server()
    {
        var (server, port) = await IotLinkProcess.ServeAsync();
        await using var serving = server;
        await using var client = IotLinkProcess.Connect(port, "a", "--key-file", KeyFile("keys", "a"));
        await client.WriteAsync("secret\n");
        client.EndInput();
        Assert.That(await client.ExitAsync(), Is.EqualTo(1));
        server.Signal();
        Assert.That(await server.ExitAsync(), Is.Zero);
        Assert.That(await IotLinkProcess.AllAsync(server.Output), Is.Empty);
    }

    [Test]
    public async Task An_id_without_a_key_is_told()
    {
        var keys = KeyFile("keys", "pump-1");
        await using var client = IotLinkProcess.Connect(1, "pump-2", "--key-file", keys);
        await AssertUsageAsync(client, $"--key-file: {keys} has no key for 'pump-2'.");
    }

    [Test]
    public async Task A_bad_line_is_reported_without_its_key()
    {
        var key = DeviceKeys.NewKey();
        var keys = files.Write("keys", $"\n{key} pump-1\n");
        await using var server = IotLinkProcess.Start("serve", "--port", "0", "--key-file", keys);
        var told = await AssertUsageAsync(server, $"--key-file: {keys}, line 2: the key, at the end of the line, must be");
        Assert.That(told, Does.Not.Contain(key[..8]));
    }

    [Test]
    [Platform(Exclude = "Win")]
    public async Task A_key_file_that_others_can_read_or_write_is_refused_unless_told_otherwise()
    {
        if (OperatingSystem.IsWindows())
            return;
        var keys = KeyFile("keys", "pump-1");
        foreach (var others in new[] { UnixFileMode.GroupRead, UnixFileMode.OtherWrite })
        {
            File.SetUnixFileMode(keys, UnixFileMode.UserRead | others);
            var sentence = $"--key-file: {keys} holds keys, and others than its owner may read or write it: 'chmod 600' mends that.";
            await using var refused = IotLinkProcess.Start("serve", "--port", "0", "--key-file", keys);
            await AssertUsageAsync(refused, sentence);
            await using var device = IotLinkProcess.Connect(1, "pump-1", "--key-file", keys);
            await AssertUsageAsync(device, sentence);
        }

        var (server, port) = await IotLinkProcess.ServeAsync("--key-file", keys, "--insecure-key-file");
        await using var serving = server;
        await using var client = IotLinkProcess.Connect(port, "pump-1", "--key-file", keys, "--insecure-key-file");
        await client.EventAsync("pump-1 up");
    }

    [TestCase("022", true)]
    [TestCase("077", false)]
    [Platform(Exclude = "Win")]
    public async Task A_new_key_in_a_file_that_others_can_read_is_warned_of(string umask, bool warned)
    {
        var file = files.PathOf("new.keys");
        await using var command = IotLinkProcess.StartByShell($"umask {umask}; exec \"$@\" >>'{file}'", ["key", "new", "pump-1"]);
        Assert.That(await command.ExitAsync(), Is.Zero);
        Assert.That(DeviceKeys.Load(file).Ids, Is.EqualTo(["pump-1"]));
        Assert.That(await IotLinkProcess.AllAsync(command.Events), warned
            ? Is.EqualTo(["iotlink: warning: standard output is a file that others than its owner may read or write, and it holds a secret now: 'chmod 600' mends that, and 'umask 077' before it is made"])
            : Is.Empty);
    }

    [Test]
    [Platform(Exclude = "Win")]
    public async Task A_new_key_that_stays_in_no_file_is_not_warned_of()
    {
        await using var command = IotLinkProcess.StartByShell("exec \"$@\" >/dev/null", ["key", "new", "pump-1"]);
        Assert.That(await command.ExitAsync(), Is.Zero);
        Assert.That(await IotLinkProcess.AllAsync(command.Events), Is.Empty);
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task While_a_key_is_replaced_a_device_gets_in_with_either(bool old)
    {
        var (before, after) = ($"pump-1 {DeviceKeys.NewKey()}\n", $"pump-1 {DeviceKeys.NewKey()}\n");
        var (server, port) = await IotLinkProcess.ServeAsync("--key-file", files.Write("server", before + after));
        await using var serving = server;
        var own = files.Write("own", old ? before : after);
        // Which of the two the server tries first is left to chance.
        for (var i = 0; i < 6; i++)
        {
            await using var client = IotLinkProcess.Connect(port, "pump-1", "--key-file", own);
            await client.WriteAsync("one\n");
            client.EndInput();
            Assert.That(await client.ExitAsync(), Is.Zero);
            Assert.That(await IotLinkProcess.AllAsync(client.Events), Is.EqualTo(["pump-1 up (connection 1)"]));
        }
    }

    [TestCase("2", "1")]
    [TestCase("1", "2")]
    public async Task A_version_that_is_not_spoken_is_refused(string served, string spoken)
    {
        var (server, port) = await IotLinkProcess.ServeAsync("--protocol", served);
        await using var serving = server;
        await using var client = IotLinkProcess.Connect(port, "a", "--protocol", spoken);
        Assert.That(await server.EventAsync("refused"), Does.Contain($"protocol {spoken} is switched off"));
        // With its input it would end, and say nothing more: it has no line to deliver.
        if (spoken == "1")
            Assert.That(await client.EventAsync("ConnectFailed"), Does.Contain("or not this version of the protocol"));
        client.EndInput();
        if (spoken == "2")
            Assert.That(await client.ExitAsync(), Is.EqualTo(1));
    }

    [Test]
    public async Task Protocol_1_is_spoken_by_default_and_carries_no_empty_lines()
    {
        var (server, port) = await IotLinkProcess.ServeAsync();
        await using var serving = server;
        await using var client = IotLinkProcess.Connect(port, "a", "--protocol", "1");
        await client.WriteAsync("\none\n");
        client.EndInput();
        Assert.That(await client.ExitAsync(), Is.EqualTo(1));
        Assert.That(await client.EventAsync("line 1"), Does.EndWith("it is empty"));
        Assert.That(await server.OutputAsync(1), Is.EqualTo(["a\tone"]));
    }

    private static async Task<string> AssertUsageAsync(IotLinkProcess command, string sentence)
    {
        Assert.That(await command.ExitAsync(), Is.EqualTo(2));
        var told = await IotLinkProcess.AllAsync(command.Events);
        Assert.That(told, Has.Count.EqualTo(1));
        Assert.That(told[0], Does.StartWith("iotlink: ").And.Contains(sentence));
        return told[0];
    }

    private string KeyFile(string name, string id) => files.Write(name, $"{id} {DeviceKeys.NewKey()}\n");
}
