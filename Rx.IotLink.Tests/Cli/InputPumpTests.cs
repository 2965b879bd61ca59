using System.Reactive.Concurrency;
using System.Text;
using NUnit.Framework;
using Rx.IotLink.Cli;

namespace Rx.IotLink.Tests.Cli;

/// <summary>How far the input is read, and how it is cut into lines.</summary>
[TestFixture]
internal sealed class InputPumpTests
{
    [Test]
    public async Task Reading_stops_while_all_places_are_taken()
    {
        var text = string.Concat(Enumerable.Range(0, 100_000).Select(i => $"line {i}\n"));
        using var input = new MemoryStream(Encoding.UTF8.GetBytes(text));
        var (outgoing, taken) = (new LineWindow(1_000), new List<string>());
        var (pump, _, _) = Pump(input, outgoing);
        using var stop = new CancellationTokenSource();

        // All is in memory, so it runs until it has to wait.
        var running = pump.RunAsync(line => Take(taken, line), stop.Token);
        Assert.That(taken, Has.Count.EqualTo(1_000));
        Assert.That(input.Position, Is.LessThan(40_000), "bytes read of over a million");

        // One is acknowledged, and it is stopped: nothing that was read goes uncounted.
        outgoing.Release();
        await stop.CancelAsync();
        await running.WaitAsync(IotLinkProcess.Bound);
        Assert.That(outgoing.Undelivered + pump.Unsent, Is.EqualTo(text[..(int)input.Position].Count(c => c == '\n') - 1));
    }

    [Test]
    public async Task A_line_of_any_length_takes_no_memory()
    {
        using var input = new EndlessLine(100_000_000);
        var taken = new List<string>();
        var (pump, queue, events) = Pump(input, new(10));
        var before = GC.GetAllocatedBytesForCurrentThread();
        var running = pump.RunAsync(line => Take(taken, line), CancellationToken.None);
        Assert.That(running.IsCompleted, Is.True, "all is in memory");
        await running;
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(20_000_000));
        await queue.CompleteAsync(IotLinkProcess.Bound, DefaultScheduler.Instance);
        Assert.That(events.ToString(), Is.EqualTo("line 1 of standard input was skipped: it is longer than 100 bytes\n"));
        Assert.That(taken, Is.EqualTo(["x"]));
    }

    [TestCase("a\nb\n", "a|b")]
    [TestCase("a\nb", "a|b")]
    [TestCase("a\r\n\r\n", "a\r|\r")]
    [TestCase("", "")]
    [TestCase("\n", "!1")]
    [TestCase("a\n\n\nb", "a|!2|!3|b")]
    [TestCase("\ufeffa\n\ufeffb", "a|\ufeffb")]
    [TestCase("\ufeff", "!1")]
    [TestCase("12345678901\n1234567890\nb", "!1|1234567890|b")]
    [TestCase("\u00fc\u00fc\u00fc\u00fc\u00fc\n\u00fc\u00fc\u00fc\u00fc\u00fcx\n", "\u00fc\u00fc\u00fc\u00fc\u00fc|!2")]
    public async Task Lines_end_in_LF_however_the_bytes_come(string text, string expected)
    {
        foreach (var piece in new[] { 1, 2, 3, 1_000 })
        {
            var lines = new InputLines(new Pieces(Encoding.UTF8.GetBytes(text), piece), maxBytes: 10);
            var found = new List<string>();
            while (await lines.ReadAsync(CancellationToken.None) is { } line)
                found.Add(line.Fault is null ? line.Text : $"!{line.Number}");
            Assert.That(string.Join('|', found), Is.EqualTo(expected), $"in pieces of {piece}");
        }
    }

    private static (InputPump Pump, EventQueue Queue, StringWriter Events) Pump(Stream input, LineWindow outgoing)
    {
        var events = new StringWriter();
        var queue = new EventQueue(events);
        return (new(input, maxLineBytes: 100, outgoing, new TextOutput(TextWriter.Null, queue, withIds: false)), queue, events);
    }

    private static string? Take(List<string> taken, string line)
    {
        taken.Add(line);
        return null;
    }

    /// <summary>Hands on a few bytes at a time.</summary>
    private sealed class Pieces(byte[] bytes, int size) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(size, buffer.Length)], cancellationToken);
    }

    /// <summary>A line of so many bytes, and a short one.</summary>
    private sealed class EndlessLine(long bytes) : MemoryStream
    {
        private long left = bytes;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (left < 0)
                return new(0);
            var length = (int)Math.Min(left, buffer.Length);
            buffer.Span[..length].Fill((byte)'y');
            left -= length;
            if (length > 0)
                return new(length);
            left = -1;
            "\nx"u8.CopyTo(buffer.Span);
            return new(2);
        }
    }
}
