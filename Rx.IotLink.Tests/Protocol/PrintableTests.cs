using System.Text;
using NUnit.Framework;
using Rx.IotLink.Cli;
using Rx.IotLink.Protocol;

namespace Rx.IotLink.Tests.Protocol;

/// <summary>What a stranger said, in a log and on a terminal.</summary>
[Parallelizable(ParallelScope.Self)]
public sealed class PrintableTests
{
    [TestCase("23.5 °C, „grün“ 😀", "23.5 °C, „grün“ 😀")]
    [TestCase("", "")]
    [TestCase("a\n[Information] root is up", "a\\n[Information] root is up")]
    [TestCase("q\t\u001b[2K\rpump-1", "q\\t\\u{1b}[2K\\rpump-1")]
    [TestCase("\u009b2J", "\\u{9b}2J")]
    [TestCase("abc\u202edef", "abc\\u{202e}def")]
    [TestCase("a\u200bb\u2028c\u2029d", "a\\u{200b}b\\u{2028}c\\u{2029}d")]
    [TestCase("\\n", "\\\\n")]
    public void No_character_forges_a_line_or_moves_a_cursor(string said, string shown) => Assert.That(Printable.Of(said), Is.EqualTo(shown));

    [Test]
    public void Half_of_a_surrogate_pair_is_a_mark_of_its_own() => Assert.That(Printable.Of($"half {'\ud83d'} of a pair"), Is.EqualTo("half \ufffd of a pair"));

    /// <summary>Messages, the command and the examples have forms of their own, and one rule.</summary>
    [Test]
    public void The_same_characters_are_shown_everywhere()
    {
        foreach (var rune in Enumerable.Range(0, 0x110000).Where(Rune.IsValid).Select(value => new Rune(value)))
        {
            var text = $"a{rune}b";
            var isShown = PrintableText.IsPrintable(rune);
            Assert.That(
                (Printable.Of(text) == text, Printable.Message(text) == text, PrintableText.Escape(text) == text, Look.Escape(text) == text),
                Is.EqualTo((isShown && rune.Value != '\\', isShown, isShown, isShown || rune.Value == '\t')),
                $"U+{rune.Value:X4}");
        }
    }

    [TestCase("q\t\u001b[2K\rpump-1\\", "q\\t\\u{1b}[2K\\rpump-1\\")]
    [TestCase("\ue000\u0378", "\\u{e000}\\u{378}")]
    public void An_application_escapes_lines_with_the_same(string line, string shown) => Assert.That(PrintableText.Escape(line), Is.EqualTo(shown));

    [Test]
    public void A_long_text_is_cut_and_says_so() =>
        Assert.That(Printable.Of(new string('x', 3_900)), Is.EqualTo(new string('x', 200) + "… (3700 more)"));
}
