using System.Text.RegularExpressions;
using NUnit.Framework;

namespace Rx.IotLink.Tests.House;

/// <summary>Every link of a document leads somewhere, and every document can be reached from the README.</summary>
public sealed partial class LinkTests
{
    private static readonly string[] Pages =
    [
        .. Directory.EnumerateFiles(Repository.Root, "*.md"),
        .. Directory.EnumerateFiles(Path.Combine(Repository.Root, "docs"), "*.md", SearchOption.AllDirectories)
            .Where(page => Path.GetFileName(Path.GetDirectoryName(page)) != "site"),
    ];

    [Test]
    public void Every_link_leads_to_a_file_and_a_heading()
    {
        var dead =
            from page in Pages
            from link in LinksOf(page)
            where Fault(page, link) is not null
            select $"{Name(page)}: {link} ({Fault(page, link)})";

        Assert.That(dead, Is.Empty);
    }

    [Test]
    public void A_dead_link_would_be_found() => Assert.Multiple(() =>
    {
        var readme = Path.Combine(Repository.Root, "README.md");
        Assert.That(Fault(readme, "docs/nothing.md"), Is.Not.Null);
        Assert.That(Fault(readme, "docs/tests.md#nothing"), Is.Not.Null);
        Assert.That(Fault(readme, "docs/tests.md#the-tests-what-shows-which-promise"), Is.Null);
        Assert.That(LinksIn("[a](b.md) ![c](d.png) `[e](f.md)`\n```\n[g](h.md)\n```\n[i]: j.md\n"), Is.EqualTo(["b.md", "d.png", "j.md"]));
    });

    [Test]
    public void Every_document_can_be_reached_from_the_README()
    {
        var reached = new HashSet<string>(StringComparer.Ordinal);
        var next = new Queue<string>([Path.Combine(Repository.Root, "README.md")]);
        while (next.TryDequeue(out var page))
        {
            if (!reached.Add(page))
                continue;
            foreach (var target in LinksOf(page).Where(IsOurs).Select(link => TargetOf(page, link)).Where(target => Pages.Contains(target)))
                next.Enqueue(target);
        }

        Assert.That(Pages.Except(reached).Select(Name), Is.Empty);
    }

    /// <summary>The contents of the site are made of the links of docs/README.md.</summary>
    [Test]
    public void Every_document_is_in_the_contents()
    {
        var index = Path.Combine(Repository.Root, "docs", "README.md");
        var listed = LinksOf(index).Where(IsOurs).Select(link => TargetOf(index, link));
        var decisions = Pages.Where(page => Path.GetFileName(Path.GetDirectoryName(page)) == "adr");

        Assert.That(Pages.Except(listed).Except(decisions).Except([index]).Select(Name), Is.EqualTo(["README.md"]));
    }

    [Test]
    public void Every_decision_is_in_the_list_of_decisions()
    {
        var index = Path.Combine(Repository.Root, "docs", "adr", "README.md");
        var listed = LinksOf(index).Select(link => TargetOf(index, link));

        Assert.That(Directory.EnumerateFiles(Path.GetDirectoryName(index)!, "*.md").Except(listed).Except([index]).Select(Name), Is.Empty);
    }

    private static string Name(string page) => Path.GetRelativePath(Repository.Root, page).Replace('\\', '/');

    private static bool IsOurs(string link) => !link.Contains("://", StringComparison.Ordinal) && !link.StartsWith("mailto:", StringComparison.Ordinal);

    private static string TargetOf(string page, string link)
    {
        var path = link.Split('#')[0];
        return path.Length == 0 ? page : Path.GetFullPath(Path.Combine(Path.GetDirectoryName(page)!, path));
    }

    private static string? Fault(string page, string link)
    {
        if (!IsOurs(link))
            return null;
        var target = TargetOf(page, link);
        if (!File.Exists(target) && !Directory.Exists(target))
            return "there is no such file";
        var heading = link.Split('#').ElementAtOrDefault(1);
        return heading is null || !target.EndsWith(".md", StringComparison.Ordinal) || HeadingsOf(target).Contains(heading) ? null : "there is no such heading";
    }

    private static IEnumerable<string> LinksOf(string page) => LinksIn(File.ReadAllText(page));

    private static IEnumerable<string> LinksIn(string text) => Link().Matches(Code().Replace(text, "")).Select(match => match.Groups["to"].Value);

    /// <summary>The names that GitHub and docfx give to headings.</summary>
    private static IEnumerable<string> HeadingsOf(string page) =>
        Heading().Matches(Fence().Replace(File.ReadAllText(page), ""))
            .Select(match => NotInNames().Replace(match.Groups["text"].Value.Trim().ToLowerInvariant(), "").Replace(' ', '-'));

    [GeneratedRegex(@"^ *```.*?^ *```|`[^`\n]*`", RegexOptions.Singleline | RegexOptions.Multiline, 10_000)]
    private static partial Regex Code();

    [GeneratedRegex("^ *```.*?^ *```", RegexOptions.Singleline | RegexOptions.Multiline, 10_000)]
    private static partial Regex Fence();

    [GeneratedRegex(@"\]\((?<to>[^)\s]+)\)|^\[[^\]]+\]: (?<to>\S+)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 10_000)]
    private static partial Regex Link();

    [GeneratedRegex("^#+ (?<text>.*)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 10_000)]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\w\- ]", RegexOptions.None, 10_000)]
    private static partial Regex NotInNames();
}
