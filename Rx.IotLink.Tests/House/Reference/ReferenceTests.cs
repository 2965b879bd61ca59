using NUnit.Framework;

namespace Rx.IotLink.Tests.House.Reference;

/// <summary>
/// docs/reference says what the assemblies say. After a change, run these tests once with the environment variable
/// UPDATE_REFERENCE=1 and commit the pages.
/// </summary>
public sealed class ReferenceTests
{
    [Test]
    public void The_options_are_those_of_the_assemblies() => AssertIs("options.md", ReferencePages.Options());

    [Test]
    public void So_are_states_outages_refusals_and_notices() => AssertIs("notices.md", ReferencePages.Notices());

    [Test]
    public void So_are_exceptions() => AssertIs("exceptions.md", ReferencePages.Exceptions());

    [Test]
    public void So_are_the_events_of_the_log() => AssertIs("events.md", ReferencePages.Events());

    /// <summary>Without a text, an option or word would have an empty cell, and an exception its kind alone.</summary>
    [TestCase("options.md")]
    [TestCase("notices.md")]
    [TestCase("exceptions.md")]
    [TestCase("events.md")]
    public void Each_has_a_text(string page)
    {
        var rows = File.ReadLines(PathOf(page)).Where(line => line.StartsWith('|') && !line.StartsWith("|--", StringComparison.Ordinal)).ToList();

        Assert.That(rows.Where(row => row.Split(" | ")[^1].Trim(' ', '|').Length == 0), Is.Empty);
        Assert.That(File.ReadAllText(PathOf(page)), Does.Not.Match("(?m)^In `Rx[A-Za-z.]+`; a kind of `[A-Za-z]+`. ?$"));
    }

    private static string PathOf(string page) => Path.Combine(Repository.Root, "docs", "reference", page);

    private static void AssertIs(string page, string text)
    {
        if (Environment.GetEnvironmentVariable("UPDATE_REFERENCE") == "1")
            File.WriteAllText(PathOf(page), text);

        Assert.That(text, Is.EqualTo(File.ReadAllText(PathOf(page))), $"docs/reference/{page} is not up to date.");
    }
}
