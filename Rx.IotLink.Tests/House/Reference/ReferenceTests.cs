using System.Text.RegularExpressions;
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

    [Test]
    public void Every_library_is_in_the_reference()
    {
        // DynamicData is built on feeds that have it; its package has one method and no option.
        var libraries = Regex.Matches(Repository.Read("Packages.slnf"), @"(?<name>[\w.]+)\.csproj", RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1))
            .Select(match => match.Groups["name"].Value)
            .Except(["Rx.IotLink.Cli", "Rx.IotLink.Templates", "Rx.IotLink.DynamicData"]);

        Assert.That(ReferencePages.Assemblies.Select(assembly => assembly.GetName().Name), Is.EquivalentTo(libraries));
    }

    /// <summary>A seed may be any number.</summary>
    [Test]
    public void Each_number_and_time_says_its_default_or_its_limits()
    {
        var silent = ReferencePages.Measured.Where(option => !option.Text.Any(char.IsAsciiDigit) && option.Option != "LinkOptions.Seed");

        Assert.That(ReferencePages.Measured.Count(), Is.GreaterThan(70));
        Assert.That(silent, Is.Empty);
    }

    private static string PathOf(string page) => Path.Combine(Repository.Root, "docs", "reference", page);

    private static void AssertIs(string page, string text)
    {
        if (Environment.GetEnvironmentVariable("UPDATE_REFERENCE") == "1")
            File.WriteAllText(PathOf(page), text);

        Assert.That(text, Is.EqualTo(File.ReadAllText(PathOf(page))), $"docs/reference/{page} is not up to date. Run this test with UPDATE_REFERENCE=1.");
    }
}
