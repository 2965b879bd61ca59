using NUnit.Framework;

namespace NanoTests;

/// <summary>
/// What a byte of a line costs the device's interpreter: each instruction takes it about as long as any other. What it
/// does in native code (copies, texts) takes next to nothing for a byte.
/// </summary>
public sealed class NanoInstructionTests
{
    private const int Times = 50;

    /// <summary>
    /// One pass over ASCII: the goal is 15. Whether other characters are UTF-8 takes a second look at the line.
    /// </summary>
    [TestCase("x", 15)]
    [TestCase("ä", 40)]
    [TestCase("€", 50)]
    public void A_byte_is_looked_at_once(string character, int most)
    {
        var (shortLine, longLine) = (Line(character, 100), Line(character, 400));
        var bytes = Bytes(longLine) - Bytes(shortLine);
        var received = (double)(CountedInstructions.Sources.OfReceiving(longLine, Times) - CountedInstructions.Sources.OfReceiving(shortLine, Times)) / Times / bytes;
        var sent = (double)(CountedInstructions.Sources.OfSending(longLine, Times) - CountedInstructions.Sources.OfSending(shortLine, Times)) / Times / bytes;
        TestContext.Out.WriteLine($"'{character}': {received:0.0} instructions for each further byte that is received, {sent:0.0} for one that is sent");
        Assert.That(received, Is.InRange(1, most), "received");
        Assert.That(sent, Is.InRange(1, most), "sent");
    }

    [Test]
    public void A_line_costs_this_much()
    {
        foreach (var length in new[] { 0, 20, 50, 100, 200, 500 })
        {
            var line = Line("x", length);
            var (received, sent) = (CountedInstructions.Sources.OfReceiving(line, Times) / Times, CountedInstructions.Sources.OfSending(line, Times) / Times);
            TestContext.Out.WriteLine($"{length,4} bytes: {received,6} received, {sent,6} sent; {(double)received / (length + 6):0.0} and {(double)sent / (length + 6):0.0} for a byte on the wire");
            Assert.That(Math.Max(received, sent), Is.LessThanOrEqualTo(1500 + (13 * length)), "what a line costs, and its bytes");
        }
    }

    /// <summary>The count counts: a loop of known length.</summary>
    [Test]
    public void It_grows_with_what_is_done()
    {
        var one = CountedInstructions.Sources.OfSending(Line("x", 100), 1);
        var ten = CountedInstructions.Sources.OfSending(Line("x", 100), 10);
        Assert.That(ten, Is.InRange(9 * one, 11 * one));
        Assert.That(one, Is.GreaterThan(500));
    }

    private static string Line(string character, int times) => string.Concat(Enumerable.Repeat(character, times));

    private static int Bytes(string line) => System.Text.Encoding.UTF8.GetByteCount(line);
}
