using System.Net;
using Microsoft.Extensions.Logging;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server;

/// <summary>What a server logs. The ids are part of its interface: alarms are set on them.</summary>
public sealed class LogTests : ServerTest
{
    [Test]
    public async Task Every_event_has_its_id_and_level_and_is_about_somebody()
    {
        var server = await StartServerAsync(ServerOptions with { Expected = ["1"], MaxConnections = 10_000_000, OutboxLines = 1, WriterOverflow = OverflowPolicy.DropNewest });
        server.Links.Subscribe(_ => throw new InvalidOperationException("an observer of the server"));
        var peer = await JoinAsync(server, "1");
        // Each link reports its events on a thread of its own, so the stranger's may come first.
        await Log.Entries.FirstAsync(e => e.Id == 20);
        await JoinAsync(server, "stranger");
        var link = server.Find("1")!;
        await (await ConnectAsync(server, "1")).HearToEndAsync();
        peer.Dispose();
        await link.State.FirstAsync(s => s.Status == LinkStatus.Down);
        var elsewhere = await JoinAsync(server, "1", IPAddress.Parse("127.0.0.2"));
        link.Writer.OnNext("taken");
        link.Writer.OnNext("dropped");
        link.Lines.Subscribe(_ => throw new InvalidOperationException("an observer of the link"));
        await elsewhere.SayAsync("00boo\n");
        await Log.Entries.FirstAsync(e => e.Id == 31);
        await elsewhere.SayAsync("garbage\n");
        await Log.Entries.FirstAsync(e => e.Id == 22);
        await server.StopAsync().Within();

        var told = await Log.Entries.UntilAsync(l => l.Any(e => e.Id == 2));

        LogEntry Of(int id) => told.First(e => e.Id == id);
        Assert.That(Of(1), Is.EqualTo(new LogEntry(LogLevel.Information, 1, $"Listening on {server.EndPoint}", null)));
        Assert.That(Of(2), Is.EqualTo(new LogEntry(LogLevel.Information, 2, "Stopped; 1 written lines were not accepted", null)));
        // Only where the system limits what a process may open.
        int[] few = Descriptors.Room() is null ? [] : [4];
        foreach (var id in few)
            Assert.That((Of(id).Level, Of(id).Text), Is.EqualTo((LogLevel.Warning, $"At most {Of(id).Text.Split(' ')[2]} connections are served at a time, not 10000000: the process may not open more files and sockets (ulimit -n)")));
        Assert.That(Of(10), Is.EqualTo(new LogEntry(LogLevel.Information, 10, $"1 connected for the first time, from {peer.Address}", null)));
        Assert.That(Of(11), Is.EqualTo(new LogEntry(LogLevel.Warning, 11, "stranger, from 127.0.0.1, is not expected; it is served all the same", null)));
        Assert.That(Of(12), Is.EqualTo(new LogEntry(LogLevel.Warning, 12, "1 came from 127.0.0.2, before from 127.0.0.1", null)));
        Assert.That(Of(13).Level, Is.EqualTo(LogLevel.Warning));
        Assert.That(Of(20), Is.EqualTo(new LogEntry(LogLevel.Information, 20, "1 is up, connection 1", null)));
        Assert.That(Of(21), Is.EqualTo(new LogEntry(LogLevel.Information, 21, "1 is down: ClosedByPeer, the peer closed the connection", null)));
        Assert.That((Of(22).Level, Of(22).Text), Is.EqualTo((LogLevel.Warning, "1 is down: ProtocolError, 0x67 0x61 where two lower-case hex digits of a message id must be")));
        Assert.That(told.Where(e => e.Id == 30).Select(e => (e.Level, e.Text)), Does.Contain((LogLevel.Warning, "1: LineDropped, the outbox holds 1 lines: DropNewest, 1 so far")));
        Assert.That((Of(31).Level, Of(31).Error!.Message), Is.EqualTo((LogLevel.Error, "an observer of the link")));
        Assert.That(Of(31).Text, Does.StartWith("1: ObserverFailed, an observer of ").And.Contain("its subscription has ended"));
        Assert.That((Of(32).Level, Of(32).Error!.Message), Is.EqualTo((LogLevel.Error, "an observer of the server")));
        Assert.That(Of(32).Text, Does.Match("^An observer of the server's (Links|Changes|ObserveConnections) threw; its subscription has ended$"));
        Assert.That(told.Select(e => e.Id).Distinct(), Is.EquivalentTo([1, 2, .. few, 10, 11, 12, 13, 20, 21, 22, 30, 31, 32]), "another event needs a line here");
    }
}
