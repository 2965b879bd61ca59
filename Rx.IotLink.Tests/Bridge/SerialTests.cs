using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Examples.BridgedHost;
using NUnit.Framework;
using Rx.IotLink.Bridge;
using Rx.IotLink.Tests.Cli;

namespace Rx.IotLink.Tests.Bridge;

/// <summary>Serial ports that are not there, are none, or go. Linux: the ports are pseudo-terminals.</summary>
[Parallelizable(ParallelScope.Self)]
public sealed class SerialTests
{
    [TestCase("/dev/ttyNone9", SerialPortFault.Missing)]
    [TestCase("/dev/null", SerialPortFault.Unusable)]
    [TestCase("/proc/version", SerialPortFault.Unusable)]
    public async Task A_port_that_cannot_be_had_says_why(string name, SerialPortFault fault)
    {
        var exception = (await Assert.ThrowsAsync<SerialPortException>(() => new SerialTransport(name).Connect().ToTask()))!;
        Assert.That((exception.PortName, exception.Fault), Is.EqualTo((name, fault)));
        Assert.That(exception.Message, Does.Contain(name));
    }

    [TestCase(299)]
    [TestCase(10_000_001)]
    public void A_baud_rate_beyond_the_limits_is_refused(int rate) =>
        Assert.That(() => new SerialTransport("/dev/ttyS0", rate), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("300 to 10,000,000"));

    [Test]
    public async Task Bytes_go_both_ways_and_what_is_disposed_ends_a_read()
    {
        using var cable = new SerialCable();
        using var left = await new SerialTransport(cable.Left).Connect().ToTask();
        using var right = await new SerialTransport(cable.Right, 9_600).Connect().ToTask();
        await left.Output.WriteAsync(new byte[] { 0, 17, 19, 255, 10, 13 });
        var read = await right.Input.ReadAtLeastAsync(6).AsTask().WaitAsync(IotLinkProcess.Bound);
        Assert.That(read.Buffer.FirstSpan.ToArray(), Is.EqualTo(new byte[] { 0, 17, 19, 255, 10, 13 }), "as they are");
        right.Input.AdvanceTo(read.Buffer.End);
        var reading = right.Input.ReadAsync().AsTask();
        right.Dispose();
        await reading.ContinueWith(_ => { }, TaskScheduler.Default).WaitAsync(IotLinkProcess.Bound);
    }

    [Test]
    public async Task A_port_that_is_unplugged_is_reported_and_works_again_when_it_is_plugged_in()
    {
        var name = Path.Combine(Path.GetTempPath(), $"iotlink-tty-{Guid.NewGuid():N}");
        using var before = new SerialCable();
        using var after = new SerialCable();
        try
        {
            File.CreateSymbolicLink(name, before.Left);
            await using var bridge = IotLinkBridge.Start(new() { Wire = new SerialTransport(name) });
            await bridge.Status.FirstAsync(s => s.State == BridgeState.NoAnswer).Timeout(IotLinkProcess.Bound).ToTask();
            File.Delete(name);
            before.Unplug();
            var status = await bridge.Status.FirstAsync(s => s.State == BridgeState.NoPort && s.Detail.Contains("does not exist", StringComparison.Ordinal)).Timeout(IotLinkProcess.Bound).ToTask();
            Assert.That(status.Detail, Does.Contain(name));
            File.CreateSymbolicLink(name, after.Left);
            await using var host = BridgeTransport.Start(new() { Wire = new SerialTransport(after.Right) });
            await host.Status.FirstAsync(s => s.State == BridgeState.Idle).Timeout(IotLinkProcess.Bound).ToTask();
        }
        finally
        {
            File.Delete(name);
        }
    }
}
