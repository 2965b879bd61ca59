using System.Text.RegularExpressions;
using NUnit.Framework;
using Rx.IotLink.Tests.House;
using Rx.IotLink.Tests.Processes;

namespace Rx.IotLink.Tests.Examples;

/// <summary>The quick start as a newcomer runs it: a process of its own.</summary>
[TestFixture]
public sealed partial class QuickStartTests
{
    [TestCase("2")]
    [TestCase("1")]
    public async Task Loses_nothing_in_many_outages(string protocol)
    {
        var (exit, output, errors) = await RunAsync("--seconds", "8", "--seed", "1", "--plain", "--protocol", protocol);
        await TestContext.Out.WriteLineAsync(output[Math.Max(0, output.IndexOf("\nlines ", StringComparison.Ordinal))..]);

        Assert.That(exit, Is.Zero, output + errors);
        Assert.That(errors, Is.Empty);
        var sums = SumsLine().Match(output);
        Assert.That(sums.Success, Is.True, output);
        int Sum(string name) => int.Parse(sums.Groups[name].ValueSpan);
        Assert.That(Sum("written"), Is.Positive);
        Assert.That((Sum("accepted"), Sum("received")), Is.EqualTo((Sum("written"), Sum("written"))));
        Assert.That((Sum("lost"), Sum("repeated"), Sum("order")), Is.EqualTo((0, 0, 0)));
        Assert.That(Sum("outages"), Is.AtLeast(3));
    }

    [TestCase("--seconds", "4")]
    [TestCase("--seconds", "3601")]
    [TestCase("--seconds", "soon")]
    [TestCase("--seed", "x")]
    [TestCase("--protocol", "3")]
    [TestCase("--unheard-of", "")]
    public async Task Says_in_one_sentence_what_is_wrong_with_an_option(string option, string value)
    {
        var (exit, output, errors) = await RunAsync(value.Length == 0 ? [option] : [option, value]);

        Assert.That(exit, Is.EqualTo(2));
        Assert.That(output, Is.Empty);
        Assert.That(errors.Trim().Split('\n'), Has.Length.EqualTo(1));
        Assert.That(errors, Does.Contain(option));
    }

    /// <summary>Nothing is left out, and no line goes on in the next one in the middle of a word.</summary>
    [TestCase(60, 20)]
    [TestCase(80, 24)]
    [Platform("Linux")]
    public async Task Can_be_read_on_a_small_terminal(int columns, int rows)
    {
        var (exit, screen) = await Dotnet.RunOnTerminalAsync(columns, rows, "QuickStart", "--seconds", "6", "--seed", "3");

        var all = string.Join('\n', screen);
        Assert.That(exit, Is.Zero, all);
        Assert.That(screen, Has.None.Matches("…"), all);
        Assert.That(screen, Has.Exactly(4).Matches(@"^ [●○] [a-z]+ +(up|down|gone) +[0-9]+ +[0-9.-]+ +↑ +[0-9 ]+$"), all);
        Assert.That(screen, Has.Exactly(1).Matches("^sums: written [0-9]+, accepted [0-9]+, "), all);
        Assert.That(screen, Has.Some.Matches("^written +[0-9]+ +[0-9]+$"), all);
        Assert.That(screen, Has.Some.Matches("^stall[ a-z]* +[0-9]+ +[0-9]+ +[0-9]+/[0-9]+ +[0-9]+/[0-9]+ +[0-9]+/[0-9]+$"), all);
    }

    /// <summary>After a change of the screen: docs/record.</summary>
    [Test]
    [Platform("Linux")]
    public async Task The_screen_of_the_README_is_that_of_the_program()
    {
        var picture = Repository.Read("docs", "quickstart.svg");

        var (exit, screen) = await Dotnet.RunOnTerminalAsync(100, 60, "QuickStart", "--seconds", "6", "--seed", "3");

        // What has no number is the same in each run: headings, the legend, the names of sums.
        var words = screen.Where(line => !line.Any(char.IsAsciiDigit)).SelectMany(line => Word().Matches(line)).Select(word => word.Value).Distinct().ToList();
        Assert.That(exit, Is.Zero);
        Assert.That(words, Has.Count.AtLeast(10));
        Assert.That(words.Where(word => !picture.Contains(word, StringComparison.Ordinal)), Is.Empty);
        Assert.That(picture, Does.Match("lost 0, repeated 0, out of order 0"));
    }

    [GeneratedRegex("[a-z]{4,}", RegexOptions.None, 1_000)]
    private static partial Regex Word();

    [GeneratedRegex(@"^sums: written (?<written>\d+), accepted (?<accepted>\d+), received (?<received>\d+), lost (?<lost>\d+), repeated (?<repeated>\d+), out of order (?<order>\d+), outages (?<outages>\d+),", RegexOptions.Multiline, 1_000)]
    private static partial Regex SumsLine();

    private static Task<Ended> RunAsync(params string[] args) => Dotnet.RunProgramAsync("QuickStart", args);
}
