using System.Net;
using System.Net.Sockets;
using NUnit.Framework;

namespace Rx.IotLink.Tests.Cli;

/// <summary>How the commands end, and what they say of lines that were not delivered.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
internal sealed class EndingTests
{
    // Bound but not listening: connections are refused, and no other process can take the port meanwhile.
    private Socket nobody = null!;

    private int NobodysPort => ((IPEndPoint)nobody.LocalEndPoint!).Port;

    [SetUp]
    public void TakePort()
    {
        nobody = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        nobody.Bind(new IPEndPoint(IPAddress.Loopback, 0));
    }

    [TearDown]
    public void ReleasePort() => nobody.Dispose();

    [Test]
    public async Task Without_a_server_the_lines_left_are_counted()
    {
        await using var client = IotLinkProcess.Connect(NobodysPort, "a", "--drain", "1");
        await client.WriteAsync("one\ntwo\nthree\n");
        client.EndInput();
        Assert.That(await client.ExitAsync(), Is.EqualTo(1));
        Assert.That((await IotLinkProcess.AllAsync(client.Events))[^1], Is.EqualTo("3 lines were not acknowledged within 1 s of the end of the input"));
    }

    [Test]
    public async Task Without_a_line_there_is_nothing_to_wait_for()
    {
        await using var client = IotLinkProcess.Connect(NobodysPort, "a");
        client.EndInput();
        Assert.That(await client.ExitAsync(), Is.Zero);
    }

    [Test]
    public async Task With_stay_the_client_ends_on_a_signal([Values("INT", "TERM")] string signal)
    {
        var (server, port) = await IotLinkProcess.ServeAsync();
        await using var serving = server;
        await using var client = IotLinkProcess.Connect(port, "a", "--stay");
        await client.WriteAsync("one\n");
        client.EndInput();
        await server.OutputAsync("one");
        client.Signal(signal);
        Assert.That(await client.ExitAsync(), Is.Zero);
        Assert.That(await IotLinkProcess.AllAsync(client.Events), Is.EqualTo(["a up (connection 1)"]).Or.Some.Contains("waiting up to 30 s"));
    }

    [Test]
    public async Task A_client_drains_on_the_first_signal()
    {
        await using var client = IotLinkProcess.Connect(NobodysPort, "a", "--drain", "1");
        await client.WriteAsync("one\n");
        // Bound while it is absent, so that the line is known to have been read.
        await client.EventAsync("ConnectFailed");
        client.Signal();
        Assert.That(await client.ExitAsync(), Is.EqualTo(1));
        Assert.That((await IotLinkProcess.AllAsync(client.Events))[^1], Is.EqualTo("1 line was not acknowledged within 1 s of Ctrl-C"));
    }

    [Test]
    public async Task A_line_is_delivered_while_draining()
    {
        // The system gives a port that was just free; it stays so for the moment.
        var port = NobodysPort;
        nobody.Dispose();
        await using var client = IotLinkProcess.Connect(port, "a");
        await client.WriteAsync([.. "one\n"u8, 0xff, (byte)'\n']);
        await client.EventAsync("line 2");
        client.Signal();
        await client.EventAsync("waiting up to 30 s for 1 line to be delivered");

        await using var server = IotLinkProcess.Start("serve", "--port", $"{port}");
        Assert.That(await server.OutputAsync(1), Is.EqualTo(["a\tone"]));
        Assert.That(await client.ExitAsync(), Is.EqualTo(1), "a line was skipped");
    }

    [Test]
    public async Task The_second_signal_leaves_at_once([Values] bool inputEnded)
    {
        await using var client = IotLinkProcess.Connect(NobodysPort, "a", "--drain", "3600");
        await client.WriteAsync([.. "one\n"u8, 0xff, (byte)'\n']);
        if (inputEnded)
            client.EndInput();
        await client.EventAsync("line 2");
        client.Signal();
        await client.EventAsync("waiting up to 3600 s for 1 line");
        client.Signal();
        Assert.That(await client.ExitAsync(), Is.EqualTo(130));
    }

    [Test]
    public async Task A_server_tells_what_it_could_not_deliver()
    {
        var (server, _) = await IotLinkProcess.ServeAsync("--drain", "1");
        await using var serving = server;
        await server.WriteAsync("nobody\tone\nnobody\ttwo\nbad\n");
        await server.EventAsync("line 3");
        server.Signal();
        Assert.That(await server.ExitAsync(), Is.EqualTo(1));
        Assert.That((await IotLinkProcess.AllAsync(server.Events))[^1], Is.EqualTo("2 lines were not acknowledged within 1 s of Ctrl-C"));
    }

    [Test]
    public async Task A_line_for_an_id_that_nobody_knows_is_told_once()
    {
        var (server, port) = await IotLinkProcess.ServeAsync("--expect", "expected", "--drain", "0");
        await using var serving = server;
        await using var client = IotLinkProcess.Connect(port, "here");
        await client.EventAsync("here up");
        await server.WriteAsync("wrong\tone\nwrong\ttwo\nexpected\tone\nhere\tone\nbad\n");
        await server.EventAsync("line 5");
        Assert.That(
            IotLinkProcess.SoFar(server.Events).Where(line => line.Contains("wait", StringComparison.Ordinal)),
            Is.EqualTo(["wrong waiting: no device of this id has connected yet; lines for it wait"]));
    }

    [Test]
    public async Task A_line_for_an_id_without_a_key_is_told_as_hopeless()
    {
        using var files = new Security.TestFiles();
        var (server, _) = await IotLinkProcess.ServeAsync("--key-file", files.Write("keys", $"a {DeviceKeys.NewKey()}\n"));
        await using var serving = server;
        await server.WriteAsync("a\tone\nb\tone\n");
        Assert.That(await server.EventAsync(" waiting: "), Is.EqualTo("b waiting: the key file has no key for this id, so no device of it can connect; lines for it wait"));
    }

    [Test]
    public async Task A_server_outlives_its_input_and_ends_on_a_signal([Values("INT", "TERM")] string signal)
    {
        var (server, port) = await IotLinkProcess.ServeAsync();
        await using var serving = server;
        server.EndInput();
        await using var client = IotLinkProcess.Connect(port, "a", "--stay");
        await server.EventAsync("a up");
        server.Signal(signal);
        Assert.That(await server.ExitAsync(), Is.Zero);
    }

    [Test]
    public async Task A_line_that_could_not_be_printed_is_not_acknowledged()
    {
        var (server, port) = await IotLinkProcess.ServeAsync();
        await using var serving = server;
        await using var client = IotLinkProcess.Connect(port, "a");
        await client.WriteAsync("one\n");
        await server.OutputAsync("one");

        server.CloseOutput();
        await client.WriteAsync("two\n");
        client.EndInput();
        Assert.That(await server.ExitAsync(), Is.Zero);
        Assert.That(await IotLinkProcess.AllAsync(server.Events), Has.None.Contains("iotlink:"));

        await using var next = IotLinkProcess.Start("serve", "--port", $"{port}");
        Assert.That(await next.OutputAsync("two"), Is.EqualTo("a\ttwo"));
        Assert.That(await client.ExitAsync(), Is.Zero);
    }

    [Test]
    public async Task An_outage_is_told_and_healed()
    {
        var (server, port) = await IotLinkProcess.ServeAsync();
        await using var serving = server;
        await using var client = IotLinkProcess.Connect(port, "a");
        await client.EventAsync("a up (connection 1)");
        await server.KillAsync();
        await client.EventAsync("a down: ");
        await client.WriteAsync("after\n");
        client.EndInput();

        await using var next = IotLinkProcess.Start("serve", "--port", $"{port}");
        Assert.That(await next.OutputAsync(1), Is.EqualTo(["a\tafter"]));
        Assert.That(await client.ExitAsync(), Is.Zero);
        Assert.That(await client.EventAsync("a up (connection 2)"), Is.Not.Empty);
    }
}
