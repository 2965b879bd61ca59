using System.Globalization;
using System.Reactive.Threading.Tasks;
using Examples.BridgedHost;
using NUnit.Framework;
using Rx.IotLink.Bridge;
using Rx.IotLink.Tests.Cli;
using Rx.IotLink.Tests.Processes;

namespace Rx.IotLink.Tests.Bridge;

/// <summary>Host, bridge and server as processes, on a serial cable.</summary>
[Parallelizable(ParallelScope.Self)]
public sealed class BridgeCommandTests
{
    [Test]
    public async Task A_host_reaches_the_server_through_a_bridge_that_is_killed()
    {
        using var cable = new SerialCable(seed: 3, noise: 0.0005);
        var (server, port) = await IotLinkProcess.ServeAsync("--echo");
        await using var _ = server;
        var bridge = IotLinkProcess.Start("bridge", "--serial", cable.Right);
        await using var host = IotLinkProcess.Start("connect", "--serial", cable.Left, "--to", $"127.0.0.1:{port}", "--id", "host");
        for (var line = 0; line < 30; line++)
        {
            await host.WriteAsync(line.ToString(CultureInfo.InvariantCulture) + "\n");
            if (line % 10 != 5)
                continue;
            await host.OutputAsync(line.ToString(CultureInfo.InvariantCulture));
            await bridge.KillAsync();
            await bridge.DisposeAsync();
            bridge = IotLinkProcess.Start("bridge", "--serial", cable.Right);
        }

        Assert.That(await host.OutputAsync(30), Is.EqualTo(Enumerable.Range(0, 30).Select(n => n.ToString(CultureInfo.InvariantCulture))));
        host.EndInput();
        Assert.That(await host.ExitAsync(), Is.Zero);
        Assert.That((await IotLinkProcess.AllAsync(host.Events)).Where(e => e.Contains("connected", StringComparison.Ordinal)), Is.Not.Empty);
        bridge.Signal();
        Assert.That(await bridge.ExitAsync(), Is.Zero);
        await bridge.DisposeAsync();
    }

    [TestCase("bridge")]
    [TestCase("connect", "--id", "host", "--to", "127.0.0.1:1")]
    public async Task A_port_that_cannot_be_used_is_one_sentence(string command, params string[] options)
    {
        await using var started = IotLinkProcess.Start([command, "--serial", "/dev/null", .. options]);

        Assert.That(await started.ExitAsync(), Is.EqualTo(2));
        Assert.That(await IotLinkProcess.AllAsync(started.Events), Has.Exactly(1).Items.And.Some.Contains("The serial port /dev/null is no serial port."));
    }

    /// <summary>As root nothing is in use: so the command gives that up first.</summary>
    [Test]
    public async Task A_port_that_another_program_has_is_one_sentence()
    {
        using var cable = new SerialCable();
        using var other = await new SerialTransport(cable.Right).Connect().ToTask();
        await using var bridge = IotLinkProcess.StartByShell(
            "if [ $(id -u) = 0 ]; then exec setpriv --bounding-set -sys_admin --inh-caps -sys_admin \"$@\"; else exec \"$@\"; fi", ["bridge", "--serial", cable.Right]);
        Assert.That(await bridge.ExitAsync(), Is.EqualTo(2));
        Assert.That(await IotLinkProcess.AllAsync(bridge.Events), Has.Exactly(1).Items.And.Some.Contains($"The serial port {cable.Right} is in use by another program"));
    }

    [Test]
    public async Task A_bridge_with_a_server_of_its_own_connects_there_and_keys_are_the_hosts()
    {
        using var cable = new SerialCable();
        var keys = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(keys, $"host {new string('a', 64)}\n");
            var (server, port) = await IotLinkProcess.ServeAsync("--key-file", keys);
            await using var _ = server;
            await using var bridge = IotLinkProcess.Start("bridge", "--serial", cable.Right, "--to", $"127.0.0.1:{port}");
            await using var host = IotLinkProcess.Start("connect", "--serial", cable.Left, "--id", "host", "--key-file", keys);
            await host.WriteAsync("hello\n");
            Assert.That(await server.OutputAsync("hello"), Is.EqualTo("host\thello"));
        }
        finally
        {
            File.Delete(keys);
        }
    }

    [Test]
    public async Task A_port_that_is_not_there_is_reported_by_both()
    {
        await using var bridge = IotLinkProcess.Start("bridge", "--serial", "/dev/ttyNone9");
        Assert.That(await bridge.EventAsync("no port"), Does.Contain("The serial port /dev/ttyNone9 does not exist"));
        await using var host = IotLinkProcess.Start("connect", "--serial", "/dev/ttyNone9", "--to", "x", "--id", "a");
        await host.EventAsync("no port");
        Assert.That(await host.EventAsync("ConnectFailed"), Does.Contain("does not exist"));
    }

    [TestCase("--serial needs --to alone", "connect", "x", "--serial", "/dev/ttyS0", "--id", "a")]
    [TestCase("without --serial", "connect", "--to", "x", "--id", "a")]
    [TestCase("no server", "connect", "--id", "a")]
    [TestCase("no TLS", "connect", "--serial", "/dev/ttyS0", "--tls", "--id", "a")]
    [TestCase("bad rate", "bridge", "--serial", "/dev/ttyS0", "--baud", "1")]
    [TestCase("bad server", "bridge", "--serial", "/dev/ttyS0", "--to", "a b")]
    [TestCase("no port", "bridge")]
    public async Task What_makes_no_sense_is_refused(string why, params string[] arguments)
    {
        await using var command = IotLinkProcess.Start(arguments);
        Assert.That(await command.ExitAsync(), Is.EqualTo(2), why);
        Assert.That(await IotLinkProcess.AllAsync(command.Events), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task The_example_shows_the_sums_of_a_bad_line_and_a_bridge_that_dies()
    {
        var ended = await Dotnet.RunProgramAsync("BridgedHost", "--seconds", "8", "--kill", "2");
        Assert.That(ended.Exit, Is.Zero, ended.ToString());
        Assert.That(ended.ToString(), Does.Contain("lost 0, repeated 0, out of order 0").And.Contain("each line once, in order"));
        Assert.That(ended.ToString(), Does.Not.Contain("killed 0 times").And.Not.Match(@"\b0 of "));
    }
}
