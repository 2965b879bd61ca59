using System.Text.RegularExpressions;
using NUnit.Framework;

namespace Rx.IotLink.Tests.House;

/// <summary>
/// Documents and comments say who reports what to whom. "To tell" hides it: a reader has to find out whether it is an
/// event, an exception, a line of the log or the end of a task.
/// </summary>
public sealed partial class WordsTests
{
    private static readonly string[] NotOurs = ["bin", "obj", "artifacts", "packages", "TestResults", "StrykerOutput"];

    [TestCase("*.md")]
    [TestCase("*.cs")]
    public void Nobody_is_told(string pattern)
    {
        var found =
            from path in Directory.EnumerateFiles(Repository.Root, pattern, SearchOption.AllDirectories)
            let name = Path.GetRelativePath(Repository.Root, path)
            let folders = name.Split(Path.DirectorySeparatorChar)[..^1]
            where !folders.Any(folder => folder.StartsWith('.') || NotOurs.Contains(folder))
            from line in File.ReadLines(path).Select((text, at) => (Text: text, Number: at + 1))
            where Tells(pattern == "*.md" ? line.Text : Comment().Match(line.Text).Value)
            select $"{name}:{line.Number}";

        // This one has to say the word.
        Assert.That(found.Where(place => !place.Contains(nameof(WordsTests), StringComparison.Ordinal)), Is.Empty);
    }

    [Test]
    public void The_check_finds_the_word_and_no_name_in_code() => Assert.Multiple(() =>
    {
        Assert.That(Tells("The writer is told that it was dropped."));
        Assert.That(Tells(Comment().Match("Tell(); // Tells the writer.").Value));
        Assert.That(Tells(Comment().Match("Tell(told); // Completes the write.").Value), Is.False);
        Assert.That(Tells("""/// <param name="told">Called about every second.</param>"""), Is.False);
    });

    private static bool Tells(string text) => Word().IsMatch(Code().Replace(text, ""));

    [GeneratedRegex("//.*", RegexOptions.None, 10_000)]
    private static partial Regex Comment();

    [GeneratedRegex("`[^`]*`|<[^>]*>", RegexOptions.None, 10_000)]
    private static partial Regex Code();

    [GeneratedRegex(@"\b(tell|tells|told|telling)\b", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture, 10_000)]
    private static partial Regex Word();
}
