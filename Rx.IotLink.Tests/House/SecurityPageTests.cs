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

    private static readonly Type[] Classes = [.. typeof(SecurityPageTests).Assembly.GetTypes().Where(t => t.Name.EndsWith("Tests", StringComparison.Ordinal))];

    private static IEnumerable<string> Rows => Blocks.Last(b => b.StartsWith('|')).Split('\n')[2..];

    private static IEnumerable<string> Paragraphs => Blocks.Where(b => !b.StartsWith('#') && !b.StartsWith('|') && !b.StartsWith(Advice, StringComparison.Ordinal));

    [TestCaseSource(nameof(Rows))]
    public void A_row_names_the_tests_that_show_it(string row) => Assert.That(NamedIn(row.Split('|')[^2]), Is.Not.Empty);

    [TestCaseSource(nameof(Paragraphs))]
    public void So_does_a_paragraph(string paragraph) => Assert.That(NamedIn(paragraph), Is.Not.Empty);

    [TestCaseSource(nameof(AllNamed))]
    public void What_is_named_is_there(string name) => Assert.That(Classes.Any(c => IsNamed(c, name)), Is.True);

    [Test]
    public void What_is_not_there_would_be_missed()
    {
        Assert.That(Classes.Any(c => IsNamed(c, $"{nameof(SecurityPageTests)}.{nameof(What_is_not_there_would_be_missed)}")), Is.True);
        Assert.That(Classes.Any(c => IsNamed(c, $"{nameof(SecurityPageTests)}.Nothing_of_the_kind")), Is.False);
        Assert.That(Classes.Any(c => IsNamed(c, "NoSuchTests")), Is.False);
    }

    private static IEnumerable<string> AllNamed() => NamedIn(string.Join('\n', Blocks)).Distinct();

    private static IEnumerable<string> NamedIn(string text) => TestName().Matches(text).Select(m => m.Groups["name"].Value);

    /// <summary>A name is a class, perhaps with the end of its namespace, and perhaps with a method.</summary>
    private static bool IsNamed(Type type, string name)
    {
        var at = name.IndexOf("Tests", StringComparison.Ordinal) + "Tests".Length;
        var (of, method) = (name[..at], name[at..].TrimStart('.'));
        return $".{type.FullName}".EndsWith($".{of}", StringComparison.Ordinal)
            && (method.Length == 0 ? type.GetMethods().Any(IsTest) : type.GetMethods().Any(m => IsTest(m) && m.Name == method));
    }

    private static bool IsTest(System.Reflection.MethodInfo method) =>
        method.GetCustomAttributes(inherit: true).Any(a => a is TestAttribute or TestCaseAttribute or TestCaseSourceAttribute);

    [GeneratedRegex("```.*?```", RegexOptions.Singleline, 1_000)]
    private static partial Regex Fence();

    [GeneratedRegex("`(?<name>[A-Za-z0-9.]*Tests(\\.[A-Za-z0-9_]+)?)`", RegexOptions.ExplicitCapture, 1_000)]
    private static partial Regex TestName();
}
