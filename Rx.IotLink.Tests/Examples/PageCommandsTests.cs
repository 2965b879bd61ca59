using System.Globalization;
using System.Runtime.Versioning;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Rx.IotLink.Tests.Cli;

namespace Rx.IotLink.Tests.Examples;

/// <summary>The commands of the README and of the pages to get started with do what the pages say.</summary>
[Platform("Linux")]
[SupportedOSPlatform("linux")]
[Parallelizable(ParallelScope.Self)]
public sealed class PageCommandsTests
{
    [Test]
    public async Task A_reader_of_the_README_talks_to_a_device()
    {
        using var page = new PageCommands("README.md");
        await using var server = page.Run("iotlink serve --expect pump-1");
        await using var device = page.Start("iotlink connect");

        await device.WriteAsync("level 3\n");
        Assert.That(await server.OutputAsync("level"), Is.EqualTo("pump-1\tlevel 3"));
        await server.WriteAsync("pump-1\topen\n");
        Assert.That(await device.OutputAsync("open"), Is.EqualTo("open"));
    }

    [Test]
    public async Task A_maker_has_a_device_in_Python_that_outlives_its_server()
    {
        using var page = new PageCommands("docs", "start-maker.md");
        await using var device = page.Start("python3 pump/example.py");
        List<int> numbers = [];
        await using (var server = page.Start("iotlink serve --expect pump-1"))
        {
            Assert.That(await server.OutputAsync("pump-1"), Does.Match("""^pump-1\t\{"number": \d+, "celsius": 21.5\}$"""));
            await server.WriteAsync("pump-1\t{\"every\": 1}\n");
            numbers.AddRange(Numbers(await server.OutputAsync(3)));
            server.Signal();
            Assert.That(await server.ExitAsync(), Is.Zero);
            numbers = [.. Numbers(IotLinkProcess.SoFar(server.Output))];
        }

        await using var again = page.Start("iotlink serve --expect pump-1");
        numbers.AddRange(Numbers(await again.OutputAsync(2)));
        Assert.That(numbers, Is.EqualTo(Enumerable.Range(1, numbers.Count)));
    }

    [Test]
    public async Task An_operator_has_keys_a_store_and_a_page()
    {
        using var page = new PageCommands("docs", "start-operator.md");
        await using var server = page.Start("--key-file devices.keys --store fleet.db");
        await using var waiting = page.Run("until grep -q listening server.log; do sleep 0.1; done");
        Assert.That(await waiting.ExitAsync(), Is.Zero);
        await using var device = page.Start("iotlink connect");
        await device.EventAsync("up");
        await device.WriteAsync("21.5\n");

        await using var acting = page.Start("iotlink ls");
        Assert.That(await acting.ExitAsync(), Is.Zero, string.Join('\n', IotLinkProcess.SoFar(acting.Events)));
        var said = await IotLinkProcess.AllAsync(acting.Output);
        Assert.That(said, Has.Some.Match("^pump-1 +up").And.Some.EqualTo("accepted").And.Some.Match("^[0-9.]+ ms$").And.Some.EqualTo("disconnected"));
        Assert.That(await device.OutputAsync("valve"), Is.EqualTo("""{"valve":"open"}"""));
        server.Signal("TERM");
        Assert.That(await server.ExitAsync(), Is.Zero);
        Assert.That(await File.ReadAllTextAsync(page["lines.txt"]), Is.EqualTo("pump-1\t21.5\n"));
        Assert.That(File.Exists(page["fleet.db"]), Is.True);
    }

    private static IEnumerable<int> Numbers(IEnumerable<string> lines) =>
        lines.Select(line => int.Parse(Regex.Match(line, "\"number\": (?<number>\\d+)", RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1)).Groups["number"].ValueSpan, CultureInfo.InvariantCulture));
}
