using Microsoft.AspNetCore.Http;
using NUnit.Framework;
using Rx.IotLink.Tests.Cli;
using Rx.IotLink.Tests.Server.Tools;
using Rx.IotLink.Tests.Stores.PostgreSql;
using Rx.IotLink.Tests.Webhooks;

namespace Rx.IotLink.Tests.Mqtt;

/// <summary>One real server with a real broker and a real receiver, over a real PostgreSQL.</summary>
public sealed class BrokerAndReceiverTests : MqttTest
{
    [TestCase("--consumer", "plant", "plant-mqtt", "plant-webhook")]
    [TestCase("--node", "one", "mqtt", "webhook")]
    public async Task Each_line_goes_to_both_and_neither_waits_for_the_other(string option, string value, string ofBroker, string ofReceiver)
    {
        const int Lines = 10;
        var cluster = await PostgresCluster.Shared;
        var database = await cluster.NewDatabaseAsync();
        var broker = await StartBrokerAsync();
        var watcher = await WatchAsync(broker, "iotlink/+/up");
        var receiver = Own(await Receiver.StartAsync(FreePort.Get()));
        var isAway = true;
        receiver.Answer = (_, context) =>
        {
            context.Response.StatusCode = Volatile.Read(ref isAway) ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status204NoContent;
            return Task.CompletedTask;
        };
        var server = Own(IotLinkProcess.StartByShell(
            "exec \"$@\"", ["serve", "--port", "0", "--postgres", "--mqtt", $"mqtt://{broker.EndPoint}", "--webhook", receiver.Url.ToString(), option, value],
            new(StringComparer.Ordinal) { ["IOTLINK_POSTGRES"] = cluster.ConnectionString(database) }));
        var client = StartClient(ClientOptions(new(System.Net.IPAddress.Loopback, (await IotLinkProcess.ListeningAsync(server)).Port), "pump-1"));

        await Task.WhenAll(Numbered(Lines).Select(line => client.WriteAsync(line))).Within();
        await watcher.Seen.UntilAsync(all => all.Any(m => m.Text == $"line {Lines}"), "the broker has all lines while the receiver is away");
        await server.EventAsync("answered 503, not 2xx.");
        Volatile.Write(ref isAway, value: false);
        await Bound.EventuallyAsync(() => receiver.Of("pump-1").Any(post => post.Line == $"line {Lines}"));

        Assert.That(watcher.Seen.Values.Select(m => m.Text), Is.EqualTo(Numbered(Lines)));
        Assert.That(receiver.Of("pump-1").DistinctBy(post => post.Key).Select(post => post.Line), Is.EqualTo(Numbered(Lines)));
        await server.OutputAsync($"pump-1\tline {Lines}");
        Assert.That(IotLinkProcess.SoFar(server.Output), Is.EqualTo(Numbered(Lines).Select(line => $"pump-1\t{line}")), "each is printed once");
        Assert.That(await cluster.SqlAsync("SELECT string_agg(DISTINCT consumer, ' ' ORDER BY consumer) FROM iotlink.cursors", database), Is.EqualTo($"{ofBroker} {ofReceiver}"));
    }

    [Test]
    public async Task A_name_that_has_no_room_for_the_names_of_both_is_refused()
    {
        await using var server = IotLinkProcess.Start(
            "serve", "--postgres", "Host=127.0.0.1", "--mqtt", "mqtt://127.0.0.1", "--webhook", "http://127.0.0.1/", "--consumer", new string('n', 93));
        Assert.That(await server.ExitAsync(), Is.EqualTo(2));
        Assert.That(await IotLinkProcess.AllAsync(server.Events), Has.Exactly(1).StartsWith("iotlink: --consumer must be 1 to 92 characters with --mqtt and --webhook"));
    }
}
