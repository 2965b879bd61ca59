using System.Globalization;
using System.Net;
using System.Text;
using NUnit.Framework;
using Rx.IotLink.Tests.Cli;
using Rx.IotLink.Tests.Protocol2.Driving;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Security;

/// <summary>A real process with little memory, and devices that talk without end.</summary>
/// <remarks>Alone: it needs the machine.</remarks>
[NonParallelizable]
public sealed class MemoryTests
{
    private const int Talkers = 2_000;
    private const string HeapLimit = "0x4000000"; // 64 MB

    private static readonly byte[] Lines = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(1, 256).Select(n => $"+{n:x4}{new string('x', 4_000)}\n")));

    [Test]
    public async Task Two_thousand_that_talk_and_are_not_read_do_not_end_a_process_of_64_MB()
    {
        await using var server = IotLinkProcess.StartOther(
            "sh", "-c", $"export DOTNET_GCHeapHardLimit={HeapLimit} && exec \"$@\"", "sh", Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", Path.Combine(AppContext.BaseDirectory, "flood.dll"), "good");
        var endpoint = IPEndPoint.Parse((await server.OutputAsync("listening on "))["listening on ".Length..]);
        using var over = new CancellationTokenSource();
        var talkers = await Task.WhenAll(Enumerable.Range(0, Talkers).Select(n => TalkAsync(endpoint, n, over.Token)));

        using var good = await RawPeer.ConnectAsync(endpoint, ServerBench.Opening("1", id: "good"));
        Assert.That(await good.HearLineAsync(), Does.StartWith("IOTLINK/2 ok "));
        for (var n = 1; n <= 20; n++)
        {
            await good.SayAsync($"+{n:x4}line {n}\n");
            Assert.That(await good.HearLineAsync(), Is.EqualTo($"={n:x4}"));
        }

        await server.WriteAsync("after all\n");
        var said = await server.OutputAsync("after all: ");
        await over.CancelAsync();
        await Task.WhenAll(talkers.Select(t => t.Talking)).Within("all talkers are ended");
        await TestContext.Out.WriteLineAsync(said);
        Assert.That(said, Does.Contain($" {Talkers + 1} connections "));
        server.EndInput();
        Assert.That(await server.ExitAsync(), Is.Zero);
    }

    /// <summary>
    /// Is let in, then sends as many lines of 4,000 bytes as the server has offered to take: 2 GB from all.
    /// </summary>
    private static async Task<(string Ok, Task Talking)> TalkAsync(IPEndPoint endpoint, int n, CancellationToken over)
    {
        var peer = await RawPeer.ConnectAsync(endpoint, ServerBench.Opening("1", id: string.Create(CultureInfo.InvariantCulture, $"talker-{n}")));
        var ok = await peer.HearLineAsync();
        Assert.That(ok, Does.StartWith("IOTLINK/2 ok "));
        return (ok!, TalkOnAsync(peer, over));
    }

    private static async Task TalkOnAsync(RawPeer peer, CancellationToken over)
    {
        using (peer)
        {
            await peer.FloodAsync(Lines, over, times: 1);
            await peer.EndAsync(over);
        }
    }
}
