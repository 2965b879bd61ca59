using System.Text.RegularExpressions;
using NUnit.Framework;

namespace Rx.IotLink.Tests.House;

/// <summary>
/// docs/security.md says nothing that no test shows: each row of its last table and each paragraph names tests that
/// exist.
/// </summary>
public sealed partial class SecurityPageTests
{
    /// <summary>Advice: it claims nothing.</summary>
    private const string Advice = "Choose a level by the network";

    private static readonly string[] Blocks =
        Fence().Replace(Repository.Read("docs", "security.md"), "").Split("\n\n", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static IEnumerable<string> Rows => Blocks.Last(b => b.StartsWith('|')).Split('\n')[2..];

    private static IEnumerable<string> Paragraphs => Blocks.Where(b => !b.StartsWith('#') && !b.StartsWith('|') && !b.StartsWith(Advice, StringComparison.Ordinal));

    [TestCaseSource(nameof(Rows))]
    public void A_row_names_the_tests_that_show_it(string row) => Assert.That(TestNames.In(row.Split('|')[^2]), Is.Not.Empty);

    [TestCaseSource(nameof(Paragraphs))]
    public void So_does_a_paragraph(string paragraph) => Assert.That(TestNames.In(paragraph), Is.Not.Empty);

    [TestCaseSource(nameof(AllNamed))]
    public void What_is_named_is_there(string name) => Assert.That(TestNames.Exists(name), Is.True);

    [Test]
    public void What_is_not_there_would_be_missed()
    {
        Assert.That(TestNames.Exists($"{nameof(SecurityPageTests)}.{nameof(What_is_not_there_would_be_missed)}"), Is.True);
        Assert.That(TestNames.Exists($"{nameof(SecurityPageTests)}.Nothing_of_the_kind"), Is.False);
        Assert.That(TestNames.Exists("NoSuchTests"), Is.False);
    }

    private static IEnumerable<string> AllNamed() => TestNames.In(string.Join('\n', Blocks)).Distinct();

    [GeneratedRegex("```.*?```", RegexOptions.Singleline, 1_000)]
    private static partial Regex Fence();
}
