using System.Globalization;
using System.Reactive.Linq;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;
using Rx.IotLink.Tests.Cli;
using Rx.IotLink.Tests.Server.Tools;
using Rx.IotLink.Tests.Stores.PostgreSql;

namespace Rx.IotLink.Tests.Webhooks;

/// <summary>Two real servers that share a fleet over a real PostgreSQL post to one receiver.</summary>
public sealed class SharedReceiverTests : ServerTest
{
    private const int Lines = 20;

    [Test]
    public async Task Each_line_is_posted_by_one_of_two_processes_and_by_the_other_one_when_that_is_killed()
    {
        var cluster = await PostgresCluster.Shared;
        var database = await cluster.NewDatabaseAsync();
        var receiver = Own(await Receiver.StartAsync(FreePort.Get()));
        IotLinkProcess Serve(string node) => Own(IotLinkProcess.StartByShell(
            "exec \"$@\"", ["serve", "--port", "0", "--json", "--postgres", "--node", node, "--webhook", receiver.Url.ToString()],
            new(StringComparer.Ordinal) { ["IOTLINK_POSTGRES"] = cluster.ConnectionString(database) }));
        var (one, two) = (Serve("one"), Serve("two"));
        var proxy = Own(new MovingProxy((await IotLinkProcess.ListeningAsync(one)).Port));
        var portOfTwo = (await IotLinkProcess.ListeningAsync(two)).Port;
        await Observable.FromAsync(() => cluster.SqlAsync("SELECT count(DISTINCT member) FROM iotlink.cursors WHERE consumer = 'webhook' AND member IS NOT NULL", database))
            .Repeat().FirstAsync(members => members is 2L, "both have lines to post");
        var ids = Enumerable.Range(0, 8).Select(n => string.Create(CultureInfo.InvariantCulture, $"pump-{n}")).ToArray();
        var clients = ids.Select(id => StartClient(ClientOptions(proxy.EndPoint, id))).ToArray();

        await RoundAsync("before");
        Assert.That(receiver.Posts.Select(post => post.Key), Is.Unique);
        // A line that fails has no other one repeated.
        var failures = 0;
        receiver.Answer = (post, context) =>
        {
            context.Response.StatusCode = post.Line == "failing 10" && Interlocked.Increment(ref failures) <= 3 ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status204NoContent;
            return Task.CompletedTask;
        };
        await RoundAsync("failing");
        Assert.That(receiver.Posts.GroupBy(post => post.Key).Where(same => same.Count() > 1).Select(same => same.First().Line).Distinct(), Is.SubsetOf(new[] { "failing 10" }));
        Assert.That(await Task.WhenAny(one.EventAsync("answered 503, not 2xx."), two.EventAsync("answered 503, not 2xx.")).Unwrap(), Does.Contain("\"event\":\"webhook\"").And.Contain("HandlerFailed"));
        var untilNow = receiver.Posts.Count;

        one.Signal("KILL");
        proxy.MoveTo(portOfTwo);
        await RoundAsync("after");
        var later = receiver.Posts.Skip(untilNow).ToArray();
        Assert.That(later.Length - later.Select(post => post.Key).Distinct(StringComparer.Ordinal).Count(), Is.LessThanOrEqualTo(8));
        foreach (var id in ids)
        {
            Assert.That(receiver.Of(id).DistinctBy(post => post.Key).Select(post => post.Line), Is.EqualTo(((string[])["before", "failing", "after"]).SelectMany(Numbered)));
            await two.OutputAsync($"{{\"id\":\"{id}\",\"line\":\"after {Lines}\"");
        }

        async Task RoundAsync(string what)
        {
            await Task.WhenAll(Numbered(what).SelectMany(line => clients.Select(client => client.WriteAsync(line)))).Within();
            await Bound.EventuallyAsync(() => ids.All(id => receiver.Of(id).Any(post => post.Line == $"{what} {Lines}")));
        }
    }

    private static IEnumerable<string> Numbered(string what) => Enumerable.Range(1, Lines).Select(n => string.Create(CultureInfo.InvariantCulture, $"{what} {n}"));
}
