using NUnit.Framework;
using Rx.IotLink.Tests.Stores.Sqlite;

namespace Rx.IotLink.Tests.Cli;

/// <summary>
/// Lines of <c>iotlink connect</c> that are dropped before they are sent: <c>--ttl</c> and <c>--line-key</c>.
/// </summary>
[TestFixture]
internal sealed class LimitedLineTests
{
    private TemporaryFolder folder = null!;

    [SetUp]
    public void MakeFolder() => folder = new();

    [TearDown]
    public void RemoveFolder() => folder.Dispose();

    [Test]
    public async Task A_line_that_waited_for_longer_than_its_time_is_not_delivered()
    {
        var port = FreePort.Get();
        await StoreAsync(port, """{"line":"stale","ttl":0.001}""" + "\n" + """{"line":"lasting"}""" + "\n", "--json");

        Assert.That(await DeliveredAsync(port), Is.EqualTo(new[] { "pump-1\tlasting" }));
    }

    [Test]
    public async Task Of_the_lines_of_a_key_that_wait_the_last_is_delivered()
    {
        var port = FreePort.Get();
        await StoreAsync(port, "1\n2\n3\n", "--line-key", "level");

        Assert.That(await DeliveredAsync(port), Is.EqualTo(new[] { "pump-1\t3" }));
    }

    /// <summary>What is typed at a server for a device that is away; the device itself has no store.</summary>
    [Test]
    public async Task What_is_typed_at_a_server_is_dropped_in_the_same_way()
    {
        var port = FreePort.Get();
        string[] serving = ["serve", "--bind", "127.0.0.1", "--port", port.Text(), "--expect", "pump-1", "--store", folder["fleet.db"], "--json", "--line-key", "level"];
        await using var server = IotLinkProcess.Start(serving);
        await server.EventAsync("listening");
        await server.WriteAsync("""{"id":"pump-1","line":"replaced"}""" + "\n" + """{"id":"pump-1","line":"stale","key":"other","ttl":0.001}""" + "\n");
        await server.WriteAsync("""{"id":"pump-1","line":"lasting","key":"else"}""" + "\n" + """{"id":"pump-1","line":"last"}""" + "\n");
        await server.WriteAsync("""{"id":"pump-1","line":"x","ttl":-1}""" + "\n");
        Assert.That(await server.EventAsync("skipped"), Does.Contain("is no number of seconds from 0.001 to"));
        await using var client = IotLinkProcess.Connect(port, "pump-1", "--stay");

        Assert.That(await client.OutputAsync(2), Is.EqualTo(new[] { "lasting", "last" }));
    }

    [TestCase("--ttl must be a whole number from 0 to 315360000, not '1.5'.", "--ttl", "1.5")]
    [TestCase("--line-key must have 1 to 128 bytes of UTF-8.", "--line-key", "")]
    public async Task A_value_out_of_its_range_is_one_sentence(string sentence, params string[] options)
    {
        await using var client = IotLinkProcess.Start(["connect", "127.0.0.1", "--id", "pump-1", .. options]);

        Assert.That(await client.ExitAsync(), Is.EqualTo(2));
        Assert.That((await IotLinkProcess.AllAsync(client.Events))[0], Does.Contain(sentence));
    }

    [TestCase("""{"line":"x","ttl":0}""", "its \"ttl\" is no number of seconds from 0.001 to 315360000")]
    [TestCase("""{"line":"x","key":""}""", "its \"key\" does not have 1 to 128 bytes")]
    public async Task A_field_out_of_its_range_is_told_and_its_line_skipped(string line, string sentence)
    {
        await using var client = Connect(FreePort.Get(), stored: false, "--json", "--drain", "0");
        await client.WriteAsync(line + "\n");
        client.EndInput();

        Assert.That(await client.ExitAsync(), Is.EqualTo(1));
        Assert.That(await IotLinkProcess.AllAsync(client.Events), Has.Some.Contains(sentence.Replace("\"", "\\u0022", StringComparison.Ordinal)).Or.Some.Contains(sentence.Replace("\"", "\\\"", StringComparison.Ordinal)));
    }

    /// <summary>Takes lines into the file, with no server.</summary>
    private async Task StoreAsync(int port, string lines, params string[] options)
    {
        await using var client = Connect(port, stored: true, ["--until", "stored", .. options]);
        await client.WriteAsync(lines);
        client.EndInput();
        // 0, or 1 if a line was dropped before it was stored.
        Assert.That(await client.ExitAsync(), Is.AnyOf(0, 1));
    }

    /// <summary>What the next command delivers from the file.</summary>
    private async Task<IList<string>> DeliveredAsync(int port)
    {
        await using var server = IotLinkProcess.Start("serve", "--bind", "127.0.0.1", "--port", port.Text());
        await server.EventAsync("listening on");
        await using var client = Connect(port, stored: true);
        client.EndInput();
        Assert.That(await client.ExitAsync(), Is.Zero);
        server.Signal();
        await server.ExitAsync();
        return await IotLinkProcess.AllAsync(server.Output);
    }

    private IotLinkProcess Connect(int port, bool stored, params string[] options) =>
        IotLinkProcess.Start(["connect", $"127.0.0.1:{port}", "--id", "pump-1", .. stored ? ["--store", folder["outbox.db"]] : Array.Empty<string>(), .. options]);
}
