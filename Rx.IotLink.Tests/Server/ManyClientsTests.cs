using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server;

/// <summary>A fleet that talks all at once.</summary>
public sealed class ManyClientsTests : ServerTest
{
    private const int Clients = 200;
    private const int Lines = 20;

    private static readonly string[] Ids = [.. Enumerable.Range(0, Clients).Select(i => $"{i}")];

    [Test]
    public async Task Two_hundred_clients_have_all_lines_delivered_once_and_in_order_both_ways()
    {
        var server = await StartServerAsync(ServerOptions with { Expected = Ids });
        var received = server.Links.SelectMany(link => link.Lines.Select(line => (link.Id, line))).Record();
        var clients = Ids.Select(id => StartClient(server, id)).ToList();
        var atClients = clients.Select(c => c.Lines.Record()).ToList();
        var upstream = clients.SelectMany(c => WriteAll(c, "up")).ToList();
        var links = await server.WaitForAllAsync().Within();
        var downstream = links.Values.SelectMany(l => WriteAll(l, "down")).ToList();

        await Task.WhenAll(upstream).Within("all lines of the clients are accepted");
        await Task.WhenAll(downstream).Within("all lines of the server are accepted");

        foreach (var device in received.Values.GroupBy(r => r.Id))
            Assert.That(device.Select(r => r.line), Is.EqualTo(Numbered("up")), device.Key);
        Assert.That(received.Values, Has.Count.EqualTo(Clients * Lines));
        foreach (var lines in atClients)
            Assert.That(lines.Values, Is.EqualTo(Numbered("down")));
        Assert.That(server.Counters.Links, Is.EqualTo(Clients));
        Assert.That(server.Counters.Connections, Is.EqualTo(Clients));
        Assert.That(server.Counters.Refused.Values, Is.All.Zero);
        Assert.That(links.Values.Sum(l => l.Counters.Outages), Is.Zero);
    }

    [Test]
    public async Task A_server_that_is_replaced_finds_the_whole_fleet_again()
    {
        var options = ServerOptions with { Timeout = TimeSpan.FromSeconds(1), Expected = [.. Ids.Take(50)] };
        var first = await StartServerAsync(options);
        foreach (var id in options.Expected)
            StartClient(ClientOptions(first.EndPoint, id) with { Timeout = options.Timeout });
        await first.WaitForAllAsync().Within();
        await first.DisposeAsync().Within();

        var second = await StartServerAsync(options with { Port = first.EndPoint.Port });

        Assert.That((await second.WaitForAllAsync().Within()).Keys, Is.EquivalentTo(options.Expected));
    }

    private static IEnumerable<string> Numbered(string what) => Enumerable.Range(0, Lines).Select(i => $"{what} {i}");

    private static IEnumerable<Task> WriteAll(ILink link, string what) => Numbered(what).Select(line => link.WriteAsync(line));
}
