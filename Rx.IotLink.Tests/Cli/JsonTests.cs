using System.Text.Json;
using NUnit.Framework;
using Rx.IotLink.Cli;
using Rx.IotLink.Tests.Processes;

namespace Rx.IotLink.Tests.Cli;

/// <summary>JSON lines as input: what one command prints, another reads.</summary>
[TestFixture]
internal sealed class JsonTests
{
    private static readonly string[] Odd = ["plain", "say \"grüße\"", "a\ttab", "a CR\r", "\u001b[2J\u0000\u202e", "𝄞", "{\"json\":[1]}", "\\n"];

    [TestCase("""{"id":"a","line":"x"}""", "a", "x")]
    [TestCase(""" { "line" : "\u00fc\t" , "more" : [1] , "id" : "ö" } """, "ö", "ü\t")]
    [TestCase("{\"id\":\"a\",\"line\":\"x\"}\r", "a", "x")]
    public void A_line_is_read(string text, string id, string line) =>
        Assert.That(JsonInput.Parse(text, maxLineBytes: 10, emptyIsLine: false), Is.EqualTo((new AddressedLine(id, line), default(string))));

    [TestCase("a\tx", "it is not JSON: ")]
    [TestCase("""{"id":"a","line":"x"} {}""", "it is not JSON: ")]
    [TestCase("""{"id":"a","line":"x","line":"y"}""", "it is not JSON: ")]
    [TestCase("""["a","x"]""", "it is no JSON object")]
    [TestCase("""{"line":"x"}""", "it has no text \"id\", it must be {\"id\":ID,\"line\":LINE}")]
    [TestCase("""{"id":"a"}""", "it has no text \"line\"")]
    [TestCase("""{"id":"a","line":7}""", "it has no text \"line\"")]
    [TestCase("""{"id":"","line":"x"}""", "its id is empty")]
    [TestCase("""{"id":"a\u0009","line":"x"}""", "its id has a control character")]
    [TestCase("""{"id":"a","line":""}""", "its line is empty")]
    [TestCase("""{"id":"a","line":"x\ny"}""", "its line has a line feed")]
    [TestCase("""{"id":"a","line":"\ud834"}""", "its \"line\" has half of a surrogate pair")]
    [TestCase("""{"id":"a","line":"12345678901"}""", "its line has more than 10 bytes")]
    public void What_is_wrong_with_a_line_is_told(string text, string fault) =>
        Assert.That(JsonInput.Parse(text, maxLineBytes: 10, emptyIsLine: false).Fault, Does.StartWith(fault));

    [Test]
    public void The_longest_line_fits_however_it_is_written()
    {
        var escaped = string.Concat(Enumerable.Repeat(@"\u0001", 4_000));
        var text = $$"""{ "id": "{{string.Concat(Enumerable.Repeat(@"\u0061", 128))}}", "line": "{{escaped}}" }""";
        Assert.That(text, Has.Length.AtMost(JsonInput.MaxBytes(4_000)));
        Assert.That(JsonInput.Parse(text, 4_000, emptyIsLine: false).Line!.Text, Is.EqualTo(new string('\u0001', 4_000)));
    }

    [Test]
    public async Task A_device_may_leave_its_id_out_and_have_no_other()
    {
        var (server, port) = await IotLinkProcess.ServeAsync();
        await using var serving = server;
        await using var client = IotLinkProcess.Connect(port, "a", "--json");
        await client.WriteAsync("""
            {"line":"one"}
            {"id":"a","line":"two"}
            {"id":"b","line":"three"}
            four

            """.ReplaceLineEndings("\n"));
        client.EndInput();
        Assert.That(await client.ExitAsync(), Is.EqualTo(1));
        Assert.That(await server.OutputAsync(2), Is.EqualTo(["a\tone", "a\ttwo"]));
        Assert.That(
            (await IotLinkProcess.AllAsync(client.Events)).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("detail").GetString()).Where(text => text!.Contains("skipped", StringComparison.Ordinal)),
            Has.Exactly(2).Items.And.Some.EqualTo("line 3 of standard input was skipped: its id is 'b', not that of this device").And.Some.StartsWith("line 4 of standard input was skipped: it is not JSON"));
    }

    /// <summary>
    /// What one server receives, another sends on to its own devices of the same ids: as it is, and through jq where
    /// there is one.
    /// </summary>
    [Test]
    public async Task A_server_reads_what_another_prints([Values] bool throughJq)
    {
        if (throughJq && !HasJq())
            Assert.Fail("jq is not installed: apt-get install jq");
        var (first, port) = await IotLinkProcess.ServeAsync("--json", "--protocol", "2");
        await using var _ = first;
        await using var sensor = IotLinkProcess.Connect(port, "a");
        await sensor.WriteAsync(string.Concat(Odd.Select(line => line + "\n")));
        var printed = string.Concat((await first.OutputAsync(Odd.Length)).Select(line => line + "\n"));
        if (throughJq)
            printed = (await RunJqAsync(printed)).ReplaceLineEndings("\n");

        var (second, otherPort) = await IotLinkProcess.ServeAsync("--json", "--protocol", "2");
        await using var __ = second;
        await using var display = IotLinkProcess.Connect(otherPort, "a");
        await second.WriteAsync(printed);
        Assert.That(await display.OutputAsync(Odd.Length), Is.EqualTo(Odd));
    }

    private static bool HasJq() => Environment.GetEnvironmentVariable("PATH")!.Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, "jq")));

    private static async Task<string> RunJqAsync(string text)
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, text);
        var ran = await Dotnet.RunAsync("jq", Path.GetTempPath(), [], "-c", ".", file);
        File.Delete(file);
        Assert.That(ran.Exit, Is.Zero, ran.ToString());
        return ran.Output;
    }
}
