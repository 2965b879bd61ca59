using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server;

/// <summary>
/// In real time, code that awaits a task of the API continues on the thread pool: never on a thread of observers, whose
/// blocking would hold up lines.
/// </summary>
public sealed class ContinuationTests : ServerTest
{
    [Test]
    public async Task Nothing_that_is_awaited_goes_on_on_a_thread_of_observers()
    {
        var server = await StartServerAsync();
        var found = Where(server.WaitForAsync("1"));
        var foundAll = Where(server.WaitForAllAsync(["1"]));
        var client = StartClient(server);
        var up = Where(client.WaitUntilUpAsync());
        var read = Where(client.ReadLineAsync());
        var link = await server.WaitForAsync("1").Within();
        using var answering = link.Respond((_, _) => Task.FromResult("42")).Subscribe();
        var written = Where(link.WriteAsync("line"));
        var drained = Where(link.DrainAsync());
        await read.Within();
        var answered = Where(client.RequestAsync("the question"));
        await Task.WhenAll(found, foundAll, up, written, drained, answered).Within();
        var closed = Where(client.CloseAsync());
        var stopped = Where(server.StopAsync());

        foreach (var place in (Task<string>[])[found, foundAll, up, read, written, drained, answered, closed, stopped])
            Assert.That(await place.Within(), Is.EqualTo("pool"));
    }

    [Test]
    public async Task Nor_does_whoever_learns_that_the_link_was_closed()
    {
        var server = await StartServerAsync();
        var client = IotLinkClient.Start(ClientOptions(server.EndPoint, "2") with { Host = "127.0.0.1", Port = 1 });
        var (up, read, written) = (Where(client.WaitUntilUpAsync()), Where(client.ReadLineAsync()), Where(client.WriteAsync("line")));
        var found = Where(server.WaitForAsync("nobody"));

        await client.CloseAsync().Within();
        await server.StopAsync().Within();

        foreach (var place in (Task<string>[])[up, read, written, found])
            Assert.That(await place.Within(), Is.EqualTo("pool"));
    }

    /// <summary>
    /// Where the continuation of a task runs. It is hung up before the task is done, or it would run here.
    /// </summary>
    private static async Task<string> Where(Task task)
    {
        await task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ForceYielding);
        return Thread.CurrentThread.IsThreadPoolThread ? "pool" : Thread.CurrentThread.Name ?? "a thread without a name";
    }
}
