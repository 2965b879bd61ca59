using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Reactive.Concurrency;
using System.Text;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Cli;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server;

/// <summary>
/// What a process may open is limited, and without anything left it dies: so a server keeps a reserve.
/// </summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class DescriptorsTests : ServerTest
{
    [TestCase("Max open files            400                  4096                 files", 400)]
    [TestCase("Max open files            unlimited            unlimited            files", null)]
    [TestCase("Max processes             100                  100                  processes", null)]
    public void The_limit_is_read(string line, int? limit) =>
        Assert.That(Descriptors.LimitIn(["Limit                     Soft Limit           Hard Limit           Units", line]), Is.EqualTo(limit));

    [TestCase(400, 100, 172, TestName = "128 are kept")]
    [TestCase(100_000, 100, 89_900, TestName = "a tenth of many is kept")]
    [TestCase(200, 100, 50, TestName = "half of few is kept")]
    [TestCase(100, 100, 1, TestName = "one is let in")]
    public void A_reserve_is_kept(int limit, int inUse, int room) => Assert.That(Descriptors.RoomWithin(limit, inUse), Is.EqualTo(room));

    [Test]
    public void Nothing_is_kept_of_what_is_not_limited() => Assert.That(Descriptors.RoomWithin(null, 100), Is.Null);

    /// <summary>Its connections need none; and one seed gives one history, however many this process has.</summary>
    [Test]
    public void A_simulated_server_does_not_ask_for_them()
    {
        var simulated = ServerOptions with { Listen = false, Scheduler = new TestScheduler() };
        Assert.That(Descriptors.RoomFor(simulated), Is.Null);
        Assert.That(Descriptors.RoomFor(simulated with { Listen = true }) is null, Is.EqualTo(Descriptors.Room() is null));
        Assert.That(Descriptors.RoomFor(simulated with { Scheduler = DefaultScheduler.Instance }) is null, Is.EqualTo(Descriptors.Room() is null));
    }

    [Test]
    public async Task That_fewer_connections_are_served_than_were_asked_for_is_logged_at_the_start()
    {
        if (Descriptors.Room() is not { } room)
        {
            Assert.Ignore("This system has no such limit.");
            return;
        }

        await StartServerAsync(ServerOptions with { MaxConnections = 10_000_000 });

        var told = await Log.Entries.FirstAsync(e => e.Id == 4);
        Assert.That(told.Text, Does.StartWith("At most ").And.Contains(" connections are served at a time, not 10000000"));
        Assert.That(room, Is.GreaterThan(100), "this process has more");
    }

    /// <summary>
    /// More strangers than the process may have descriptors: it lives. Silent ones keep nobody out; where they have
    /// said ids, one more of the same address gets the answer that the server is full. When they
    /// have left, all is as it was.
    /// </summary>
    [Test]
    [Platform(Include = "Linux")]
    public async Task A_flood_of_strangers_does_not_end_the_process([Values(220, 320, 500)] int limit, [Values] bool silent)
    {
        const int Strangers = 700;
        var (server, port) = await IotLinkProcess.ServeWithinAsync(limit, "--timeout", "60000");
        await using var ended = server;
        await using (var before = IotLinkProcess.Connect(port, "before"))
        {
            await before.EventAsync("up");
            var endpoint = new IPEndPoint(IPAddress.Loopback, port);
            var strangers = await Task.WhenAll(Enumerable.Range(0, Strangers).Select(n => KnockAsync(endpoint, silent ? "" : $"stranger-{n}\n")));
            // Connections that are ending take the room for a while, in which a newcomer gets an answer.
            // The first may be let in, before the server has read what the last strangers said.
            var wanted = silent ? "IOTLINK/2 ok " : "IOTLINK/2 no code=overloaded retry=";
            string answer;
            var asked = 0;
            do
                answer = await AskAsync(endpoint);
            while (!answer.StartsWith(wanted, StringComparison.Ordinal) && (answer.Length == 0 || ++asked < 100));
            Assert.That(answer, Does.StartWith(wanted));
            await before.WriteAsync("still served\n");
            await server.OutputAsync("still served");
            foreach (var stranger in strangers)
                stranger.Dispose();
        }

        await using var after = IotLinkProcess.Connect(port, "after");
        await after.WriteAsync("served again\n");
        await server.OutputAsync("served again");
        server.Signal("TERM");
        Assert.That(await server.ExitAsync(), Is.Zero);
    }

    private static async Task<Socket> KnockAsync(IPEndPoint endpoint, string says = "")
    {
        var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(endpoint).Within();
        try
        {
            await socket.SendAsync(Encoding.ASCII.GetBytes(says)).Within();
        }
        catch (SocketException)
        {
            // It is ended already.
        }

        return socket;
    }

    /// <summary>What the server answers to an opening; nothing, if it ends the connection without an answer.</summary>
    private static async Task<string> AskAsync(IPEndPoint endpoint)
    {
        using var socket = await KnockAsync(endpoint);
        try
        {
            await socket.SendAsync(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"IOTLINK/2 id=late conn=1 epoch=1 tx=1 window=1 max=100\n"))).Within();
            var buffer = new byte[1_000];
            return Encoding.ASCII.GetString(buffer, 0, await socket.ReceiveAsync(buffer).Within());
        }
        catch (SocketException)
        {
            return "";
        }
    }
}
