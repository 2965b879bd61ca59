using System.Globalization;
using Microsoft.Data.Sqlite;
using NUnit.Framework;
using Rx.IotLink.Tests.Cli;
using Rx.IotLink.Tests.House;
using Rx.IotLink.Tests.Server.Tools;
using Rx.IotLink.Tests.Stores.Sqlite;

namespace Rx.IotLink.Tests.Webhooks;

/// <summary>The command, and the receiver that docs/webhook.md shows, as real processes.</summary>
public sealed class WebhookProcessTests : ServerTest
{
    private const int Lines = 300;

    [Test]
    public async Task The_receiver_of_the_guide_has_each_line_once_though_it_and_the_server_are_killed()
    {
        using var folder = new TemporaryFolder();
        var guide = Repository.Read("docs", "webhook.md");
        var script = guide.Split("```python\n")[1].Split("```")[0].Replace("lines.db", folder["lines.db"].Replace('\\', '/'), StringComparison.Ordinal);
        await File.WriteAllTextAsync(folder["receiver.py"], script);
        var (port, receiverPort) = (FreePort.Get(), FreePort.Get());
        IotLinkProcess Receive() => IotLinkProcess.StartOther("env", $"PORT={receiverPort.Text()}", "python3", folder["receiver.py"]);
        IotLinkProcess Serve() => IotLinkProcess.Start("serve", "--port", port.Text(), "--store", folder["store"], "--webhook", $"http://127.0.0.1:{receiverPort.Text()}/lines");
        var (receiver, server) = (Receive(), Serve());
        var client = StartClient(ClientOptions(new(System.Net.IPAddress.Loopback, port), "pump-1"));
        var writing = Task.Run(async () =>
        {
            foreach (var n in Enumerable.Range(1, Lines))
                await client.WriteAsync(string.Create(CultureInfo.InvariantCulture, $"line {n}"));
        });
        for (var kills = 0; kills < 4; kills++)
        {
            var before = Kept(folder["lines.db"]).Count;
            await Bound.EventuallyAsync(() => Kept(folder["lines.db"]).Count > before + 20 || writing.IsCompleted);
            if (kills % 2 == 0)
            {
                await receiver.DisposeAsync();
                receiver = Receive();
            }
            else
            {
                await server.DisposeAsync();
                server = Serve();
            }
        }

        await writing.Within();
        Assert.That(Kept(folder["lines.db"]), Is.EqualTo(Enumerable.Range(1, Lines).Select(n => $"line {n}")));
        await receiver.DisposeAsync();
        await server.DisposeAsync();
    }

    [Test]
    public async Task A_line_is_printed_when_the_receiver_has_it_and_the_token_is_in_a_file()
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder["token"], "short\n");
        await using var receiver = await Receiver.StartAsync(FreePort.Get());
        var (server, port) = await IotLinkProcess.ServeAsync("--webhook", receiver.Url.ToString(), "--webhook-token-file", folder["token"], "--json");
        await using var serving = server;
        await using var pump = IotLinkProcess.Connect(port, "pump-1");
        await pump.WriteAsync("one\n");
        pump.EndInput();
        Assert.That(await pump.ExitAsync(), Is.Zero);
        var post = receiver.Posts.Single();
        Assert.That(await server.OutputAsync("one"), Is.EqualTo($$"""{"id":"pump-1","line":"one","epoch":"{{post.Epoch}}","number":{{post.Number}}}"""));
        Assert.That(post.Authorization, Is.EqualTo("Bearer short"));
    }

    [TestCase("--webhook http://user:secret@host/", "--webhook: Url '…' holds a user name: give a Token.")]
    [TestCase("--webhook secret", "--webhook: the address must begin with http:// or https://.")]
    [TestCase("--webhook ftp://secret/", "--webhook: Url '…' does not begin with http:// or https://.")]
    [TestCase("--webhook", "--webhook needs a URL, or the environment variable IOTLINK_WEBHOOK.")]
    [TestCase("--webhook-token-file secret", "--webhook-token-file is of no use without --webhook.")]
    [TestCase("--webhook http://host/ --webhook-token-file /none", "--webhook-token-file: ")]
    [TestCase("--webhook http://host/ --mqtt mqtt://host", "--webhook and --mqtt cannot both be given without --postgres: ")]
    [TestCase("--webhook http://host/ --echo", "--webhook and --echo cannot both be given: ")]
    public async Task What_is_wrong_is_said_at_once(string arguments, string sentence)
    {
        await using var server = IotLinkProcess.Start(["serve", "--port", "0", .. arguments.Split(' ')]);
        Assert.That(await server.ExitAsync(), Is.EqualTo(2));
        var told = (await IotLinkProcess.AllAsync(server.Events)).Single();
        Assert.That(told, Does.StartWith("iotlink: " + sentence));
        if (arguments.Contains("//", StringComparison.Ordinal))
            Assert.That(told, Does.Not.Contain("secret"));
    }

    private static List<string> Kept(string path)
    {
        using var database = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString());
        database.Open();
        using var command = database.CreateCommand();
        command.CommandText = "SELECT count(*) FROM sqlite_master WHERE name = 'line'";
        if (command.ExecuteScalar() is 0L)
            return [];
        command.CommandText = "SELECT text FROM line ORDER BY rowid";
        using var reader = command.ExecuteReader();
        var lines = new List<string>();
        while (reader.Read())
            lines.Add(reader.GetString(0));
        return lines;
    }
}
