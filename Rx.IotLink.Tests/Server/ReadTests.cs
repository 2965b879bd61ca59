using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server;

/// <summary>Reading without Rx, and waiting for the link.</summary>
public sealed class ReadTests : ServerTest
{
    [Test]
    public async Task A_line_goes_to_one_reader_and_to_every_observer()
    {
        var server = await StartServerAsync();
        var client = StartClient(server);
        var link = await server.WaitForAsync("1").Within();
        var (first, second) = (link.ReadLineAsync(), link.ReadLineAsync());
        var observed = link.Lines.Record();

        await client.WriteAsync("one").Within();
        Assert.That(await first.Within(), Is.EqualTo("one"));
        Assert.That(second.IsCompleted, Is.False);
        await client.WriteAsync("two").Within();

        Assert.That(await second.Within(), Is.EqualTo("two"));
        Assert.That(observed.Values, Is.EqualTo(["one", "two"]));
    }

    [Test]
    public async Task A_reader_takes_what_waits_and_only_that_is_accepted()
    {
        var server = await StartServerAsync();
        var peer = await JoinAsync(server);
        var link = server.Find("1")!;
        await peer.SayAsync("00one\n01two\n");
        await Bound.EventuallyAsync(() => link.Counters.Inbox == 2);

        Assert.That(await link.ReadLineAsync().Within(), Is.EqualTo("one"));

        Assert.That(await peer.HearLineAsync(), Is.EqualTo("00"));
        Assert.That(link.Counters.Inbox, Is.EqualTo(1));
        Assert.That(await link.ReadLineAsync().Within(), Is.EqualTo("two"));
        Assert.That(await peer.HearLineAsync(), Is.EqualTo("01"));
    }

    [Test]
    public async Task A_reader_that_gave_up_takes_no_line()
    {
        var server = await StartServerAsync();
        var client = StartClient(server);
        var link = await server.WaitForAsync("1").Within();
        using var cancel = new CancellationTokenSource();
        var (impatient, patient) = (link.ReadLineAsync(cancel.Token), link.ReadLineAsync());
        await cancel.CancelAsync();
        Assert.That(async () => await impatient.Within(), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(async () => await link.ReadLineAsync(new CancellationToken(canceled: true)).Within(), Throws.InstanceOf<OperationCanceledException>());

        var writes = new[] { client.WriteAsync("one"), client.WriteAsync("two") };

        Assert.That(await patient.Within(), Is.EqualTo("one"));
        await Bound.EventuallyAsync(() => link.Counters.Inbox == 1);
        Assert.That(writes[1].IsCompleted, Is.False, "those who gave up do not count as readers");
        Assert.That(await link.ReadLineAsync().Within(), Is.EqualTo("two"));
        await Task.WhenAll(writes).Within();
    }

    [Test]
    public async Task A_stream_of_lines_ends_with_the_link()
    {
        var server = await StartServerAsync();
        var client = StartClient(server);
        var link = await server.WaitForAsync("1").Within();
        var reading = Task.Run(async () =>
        {
            var lines = new List<string>();
            await foreach (var line in link.ReadLinesAsync())
                lines.Add(line);
            return lines;
        });
        foreach (var line in (string[])["one", "two", "three"])
            await client.WriteAsync(line).Within();

        await server.StopAsync().Within();

        Assert.That(await reading.Within(), Is.EqualTo(["one", "two", "three"]));
        Assert.That(async () => await link.ReadLineAsync().Within(), Throws.InstanceOf<LinkClosedException>());
        await foreach (var line in link.ReadLinesAsync())
            Assert.Fail(line);
    }

    [Test]
    public async Task A_stream_of_lines_can_be_left()
    {
        var server = await StartServerAsync();
        var client = StartClient(server);
        var link = await server.WaitForAsync("1").Within();
        var writes = new[] { client.WriteAsync("one"), client.WriteAsync("two") };
        await foreach (var line in link.ReadLinesAsync())
        {
            Assert.That(line, Is.EqualTo("one"));
            break;
        }

        await writes[0].Within();
        Assert.That(writes[1].IsCompleted, Is.False);
        Assert.That(await link.ReadLineAsync().Within(), Is.EqualTo("two"));
    }

    [Test]
    public async Task Up_is_waited_for_through_an_outage()
    {
        var server = await StartServerAsync();
        var peer = await JoinAsync(server);
        var link = server.Find("1")!;
        Assert.That(link.WaitUntilUpAsync().IsCompletedSuccessfully, Is.True, "at once");
        peer.Dispose();
        await link.State.FirstAsync(s => !s.IsUp);
        using var cancel = new CancellationTokenSource();
        var (waiting, impatient) = (link.WaitUntilUpAsync(), link.WaitUntilUpAsync(cancel.Token));
        await cancel.CancelAsync();
        Assert.That(async () => await impatient.Within(), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(waiting.IsCompleted, Is.False);

        await JoinAsync(server);

        await waiting.Within();
    }

    [Test]
    public async Task Up_is_waited_for_no_longer_than_the_link_lives()
    {
        var server = await StartServerAsync();
        (await JoinAsync(server)).Dispose();
        var link = server.Find("1")!;
        await link.State.FirstAsync(s => !s.IsUp);
        var waiting = link.WaitUntilUpAsync();

        await server.StopAsync().Within();

        Assert.That(async () => await waiting.Within(), Throws.InstanceOf<LinkClosedException>());
        Assert.That(async () => await link.WaitUntilUpAsync().Within(), Throws.InstanceOf<LinkClosedException>());
    }
}
