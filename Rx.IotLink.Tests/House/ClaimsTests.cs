using System.Text.RegularExpressions;
using NUnit.Framework;

namespace Rx.IotLink.Tests.House;

/// <summary>
/// The README says nothing that no test shows: docs/claims.md names, for each paragraph, list item and row of a table,
/// tests that exist. What is said of others has a source instead, and advice claims nothing.
/// </summary>
public sealed partial class ClaimsTests
{
    private static readonly string[] Blocks = [.. BlocksOf(Repository.Read("README.md"))];

    private static readonly (string Words, string By)[] Claims =
    [
        .. from line in Repository.Read("docs", "claims.md").Split('\n')
           where line.StartsWith('|')
           let cells = line.Split(" | ")
           where cells.Length == 2 && !line.StartsWith("| README", StringComparison.Ordinal)
           select (cells[0].Trim('|', ' '), cells[1].Trim('|', ' ')),
    ];

    [TestCaseSource(nameof(Blocks))]
    public void What_the_README_says_is_in_the_list(string block) =>
        Assert.That(Claims.Count(claim => block.StartsWith(claim.Words, StringComparison.Ordinal)), Is.EqualTo(1));

    private static IEnumerable<string> Words => Claims.Select(claim => claim.Words);

    [TestCaseSource(nameof(Words))]
    public void What_is_in_the_list_is_said_and_shown(string words)
    {
        var claim = Claims.Single(claim => claim.Words == words);
        var block = Blocks.Where(block => block.StartsWith(claim.Words, StringComparison.Ordinal)).ToList();
        var named = TestNames.In(claim.By).ToList();

        Assert.That(block, Has.Count.EqualTo(1));
        Assert.That(named.Where(name => !TestNames.Exists(name)), Is.Empty);
        if (claim.By.StartsWith("source", StringComparison.Ordinal))
            Assert.That(block[0], Does.Contain("]["), "a link to the source");
        else if (claim.By != "advice")
            Assert.That(named, Is.Not.Empty);
    }

    [Test]
    public void A_new_sentence_would_be_missed() =>
        Assert.That(BlocksOf("# A\nOne\ntwo.\n\n1. Three\n   four\n2. Five\n\n```\nsix\n```\n| a |\n|---|\n| seven |\n![x](y)\n[a]: b\n"), Is.EqualTo(["One two.", "Three four", "Five", "seven"]));

    /// <summary>Paragraphs, items and rows, each in one line; no code, headings, pictures, heads of tables.</summary>
    private static IEnumerable<string> BlocksOf(string text)
    {
        var plain = NoProse().Replace(TableHead().Replace(Fence().Replace(text, "\n"), "\n"), "\n");
        return Between().Split(plain).Select(block => Space().Replace(Marker().Replace(block, ""), " ").Trim(' ', '|')).Where(block => block.Length > 0);
    }

    [GeneratedRegex("^```.*?^```$", RegexOptions.Singleline | RegexOptions.Multiline, 1_000)]
    private static partial Regex Fence();

    [GeneratedRegex(@"^\|.*\n\|[-|]+\|$", RegexOptions.Multiline, 1_000)]
    private static partial Regex TableHead();

    [GeneratedRegex(@"^(#.*|\[?!\[.*|\[[^\]]*\]: .*)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1_000)]
    private static partial Regex NoProse();

    [GeneratedRegex(@"\n\s*\n|\n(?=\||[0-9]+\. |- )", RegexOptions.None, 1_000)]
    private static partial Regex Between();

    [GeneratedRegex(@"^\s*([0-9]+\.|-) ", RegexOptions.ExplicitCapture, 1_000)]
    private static partial Regex Marker();

    [GeneratedRegex(@"\s+", RegexOptions.None, 1_000)]
    private static partial Regex Space();
}
