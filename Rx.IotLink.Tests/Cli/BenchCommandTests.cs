using System.Text.Json;
using NUnit.Framework;

namespace Rx.IotLink.Tests.Cli;

/// <summary><c>iotlink bench</c>, against a real server.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
internal sealed class BenchCommandTests
{
    [Test]
    public async Task It_counts_the_lines_that_the_server_has_got_and_tells_how_long_they_took()
    {
        var (server, port) = await IotLinkProcess.ServeAsync();
        await using var serving = server;
        await using var bench = IotLinkProcess.Start("bench", $"127.0.0.1:{port}", "--devices", "3", "--in-flight", "2", "--bytes", "7", "--seconds", "1", "--json");

        Assert.That(await bench.ExitAsync(), Is.Zero);
        var figures = JsonElement.Parse((await IotLinkProcess.AllAsync(bench.Output)).Single());
        var accepted = figures.GetProperty("accepted").GetInt64();
        Assert.That(accepted, Is.Positive);
        Assert.That(figures.GetProperty("linesPerSecond").GetDouble(), Is.EqualTo(accepted / figures.GetProperty("seconds").GetDouble()).Within(1).Percent);
        var times = figures.GetProperty("milliseconds").EnumerateObject().Select(time => time.Value.GetDouble()).ToList();
        Assert.That(times, Is.Ordered.And.All.Positive);
        // Lines that were on their way at the end may have arrived too.
        var printed = IotLinkProcess.SoFar(server.Output).Count(line => line.EndsWith("\txxxxxxx", StringComparison.Ordinal));
        Assert.That(printed, Is.InRange(accepted, accepted + 6));
    }

    [Test]
    public async Task Without_json_it_is_a_text_and_without_a_server_one_sentence()
    {
        var (server, port) = await IotLinkProcess.ServeAsync();
        await using var serving = server;
        await using var bench = IotLinkProcess.Start("bench", $"127.0.0.1:{port}", "--devices", "1", "--seconds", "1");
        Assert.That(await bench.ExitAsync(), Is.Zero);
        var text = await IotLinkProcess.AllAsync(bench.Output);
        Assert.That(text[0], Does.Match("^1 devices, 16 lines in flight each, 64 bytes, [0-9.]+ s$"));
        Assert.That(text[1], Does.Match("^accepted +[0-9]+ lines, [0-9,]+ lines/s$"));
        Assert.That(text[3], Does.Match("^outages +0$"));

        await server.KillAsync();
        await using var alone = IotLinkProcess.Start("bench", $"127.0.0.1:{port}", "--devices", "1", "--seconds", "1");
        Assert.That(await alone.ExitAsync(), Is.EqualTo(1));
        Assert.That((await IotLinkProcess.AllAsync(alone.Events)).Single(), Does.StartWith($"iotlink: 127.0.0.1:{port} did not let all devices in within 10 s: "));
    }
}
