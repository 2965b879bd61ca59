using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using NUnit.Framework;

namespace Rx.IotLink.Tests.House;

/// <summary>
/// Prose in Markdown files, comments in C# files and all lines of Python files have at most 120 characters.
/// </summary>
/// <remarks>
/// Markdown may exceed this in the rows of a table, in code blocks, and where a line is one link or one piece of code.
/// C# code without a comment has no limit here, and neither has text in a string.
/// </remarks>
public sealed partial class LineLengthTests
{
    private const int Limit = 120;

    private static readonly string[] NotOurs = ["bin", "obj", "artifacts", "packages", "TestResults", "StrykerOutput"];

    private static readonly string Long = string.Concat(Enumerable.Repeat("word ", 30)).TrimEnd();

    [TestCase("*.md")]
    [TestCase("*.cs")]
    [TestCase("*.py")]
    public void No_line_of_prose_is_longer(string pattern)
    {
        var files = Files(pattern).ToList();
        Assert.That(files, Is.Not.Empty);
        var found =
            from path in files
            from number in LongLines(Path.GetExtension(path), File.ReadAllText(path))
            select $"{Path.GetRelativePath(Repository.Root, path)}:{number}";

        Assert.That(found, Is.Empty);
    }

    [Test]
    public void The_check_finds_long_prose() => Assert.Multiple(() =>
    {
        Assert.That(LongLines(".md", $"# Title\n\n{Long}\n- {Long}\n```sh\nls\n```\n{Long}\n"), Is.EqualTo([3, 4, 8]));
        Assert.That(LongLines(".cs", $"// {Long}\n/// <summary>{Long}</summary>\nclass A; // {Long}\n/* {Long} */\n"), Is.EqualTo([1, 2, 3, 4]));
        Assert.That(LongLines(".py", $"# {Long}\na = 1\n"), Is.EqualTo([1]));
    });

    [Test]
    public void The_check_lets_tables_code_links_and_strings_pass() => Assert.Multiple(() =>
    {
        Assert.That(LongLines(".md", $"| {Long} |\n```sh\n{Long}\n```\n- [{Long}](page.md),\n`{Long}`\n"), Is.Empty);
        Assert.That(LongLines(".cs", $"class A {{ string a = \"// {Long}\"; }}\nclass B {{ string b = \"\"\"\n// {Long}\n\"\"\"; }}\n"), Is.Empty);
        Assert.That(LongLines(".cs", $"// {Long.Replace(' ', '_')}\n"), Is.Empty, "nobody can break a word");
    });

    private static IEnumerable<string> Files(string pattern) =>
        from path in Directory.EnumerateFiles(Repository.Root, pattern, SearchOption.AllDirectories)
        let folders = Path.GetRelativePath(Repository.Root, path).Split(Path.DirectorySeparatorChar)[..^1]
        where !folders.Any(folder => folder.StartsWith('.') || NotOurs.Contains(folder))
        select path;

    /// <summary>The numbers of the lines that are too long, from 1.</summary>
    private static IEnumerable<int> LongLines(string extension, string text)
    {
        var lines = text.Split('\n').Select(line => line.TrimEnd('\r')).ToList();
        var prose = extension switch
        {
            ".md" => Prose(lines),
            ".cs" => Comments(text),
            _ => Enumerable.Range(0, lines.Count),
        };
        return prose.Where(at => lines[at].Length > Limit && lines[at].Trim(' ', '/', '*').Contains(' ')).Select(at => at + 1);
    }

    private static IEnumerable<int> Comments(string text)
    {
        var tree = CSharpSyntaxTree.ParseText(text, new CSharpParseOptions(LanguageVersion.Preview, preprocessorSymbols: ["DYNAMICDATA"]));
        var comments =
            from trivia in tree.GetRoot().DescendantTrivia()
            where trivia.Kind() is SyntaxKind.SingleLineCommentTrivia or SyntaxKind.MultiLineCommentTrivia
                or SyntaxKind.SingleLineDocumentationCommentTrivia or SyntaxKind.MultiLineDocumentationCommentTrivia
            let span = tree.GetLineSpan(trivia.Span)
            from line in Enumerable.Range(span.StartLinePosition.Line, span.EndLinePosition.Line - span.StartLinePosition.Line + 1)
            // A documentation comment ends behind its last line feed: in the line of what it documents.
            where line < span.EndLinePosition.Line || span.EndLinePosition.Character > 0
            select line;
        return comments.Distinct();
    }

    private static IEnumerable<int> Prose(List<string> lines)
    {
        var inFence = false;
        for (var at = 0; at < lines.Count; at++)
        {
            var line = lines[at].TrimStart();
            var isFence = line.StartsWith("```", StringComparison.Ordinal);
            inFence ^= isFence;
            if (!inFence && !isFence && !line.StartsWith('|') && !IsOnePiece(line))
                yield return at;
        }
    }

    private static bool IsOnePiece(string line) => !Pieces().Replace(Marker().Replace(line, ""), "x").Contains(' ');

    [GeneratedRegex(@"^([-*+]|\d+\.) +", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Marker();

    [GeneratedRegex(@"\[[^\]]*\]\([^)]*\)|`[^`]*`", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Pieces();
}
