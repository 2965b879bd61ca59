using System.Collections.Concurrent;
using System.Globalization;
using NUnit.Framework;
using Rx.IotLink.Tests.House;

namespace Rx.IotLink.Tests.Simulation.Planted;

/// <summary>
/// The soak finds what is wrong: each of many mistakes, planted in the library one at a time, breaks a promise within
/// 1,000 seeds. The seed that docs/reliability.md names for a mistake is tried first: usually one life is enough. After
/// a wanted change, run these tests once with the environment variable UPDATE_PLANTED_BUGS=1 (they take minutes then,
/// since each search begins with seed 1) and commit docs/reliability.md.
/// </summary>
[Parallelizable(ParallelScope.All)]
public sealed class PlantedBugTests
{
    private const int MostSeeds = 1_000;

    private const string Header = "| it … | protocol | seed | what was noticed |\n|---|---|---|---|\n";

    /// <summary>
    /// A life takes some milliseconds: one that takes this long will not end, however busy the machine is.
    /// </summary>
    private static readonly TimeSpan LongestLife = TimeSpan.FromMinutes(2);

    private static readonly string Page = Path.Combine(Repository.Root, "docs", "reliability.md");

    private static readonly bool Updates = Environment.GetEnvironmentVariable("UPDATE_PLANTED_BUGS") == "1";

    private readonly ConcurrentDictionary<(string Bug, int Protocol), (int Seed, string Complaint)> caught = new();

    private readonly Lazy<PlantedLibraries> libraries = new(() => new(PlantedBugs.All));

    [TestCaseSource(nameof(Cases))]
    public async Task Is_caught_within_a_thousand_seeds(PlantedBug bug)
    {
        var library = libraries.Value.Take(bug);
        foreach (var protocol in bug.Protocols)
        {
            var first = await KnownComplaint(library, bug, protocol) ?? await FirstComplaint(library, protocol, MostSeeds);
            Assert.That(first, Is.Not.Null, $"With protocol {protocol} {MostSeeds} seeds are flawless, though it {bug}.");
            caught[(bug.Name, protocol)] = first!.Value;
            await TestContext.Out.WriteLineAsync($"protocol {protocol}, seed {first.Value.Seed}: {first.Value.Complaint}");
        }

        if (!library.IsStuck)
            libraries.Value.GiveBack(library, bug);
    }

    /// <summary>What catches the bugs is the bugs, and not the way in which they are compiled and run.</summary>
    [Test]
    public async Task The_library_as_it_is_breaks_no_promise([Values(1, 2)] int protocol)
    {
        var library = libraries.Value.Take(bug: null);

        Assert.That(await FirstComplaint(library, protocol, 50), Is.Null);
        libraries.Value.GiveBack(library, of: null);
    }

    [Test]
    public void A_bug_that_has_lost_its_place_says_so()
    {
        var bug = new PlantedBug("does nothing", [1], "Rx.IotLink/ILink.cs", new Edit("this is nowhere", ""));

        using var none = new PlantedLibraries([bug]);

        Assert.That(() => none.Take(bug), Throws.InvalidOperationException.With.Message.Contains("this is 0 times in Rx.IotLink/ILink.cs"));
    }

    /// <summary>Otherwise the tests would take minutes again.</summary>
    [Test]
    public void Few_bugs_need_a_library_of_their_own() => Assert.That(libraries.Value.Alone, Has.Count.LessThan(PlantedBugs.All.Count / 10));

    [OneTimeTearDown]
    public void Keep()
    {
        if (libraries.IsValueCreated)
            libraries.Value.Dispose();
        // A table of those that happened to be run would be no table of all.
        if (!Updates || caught.Count < PlantedBugs.All.Sum(bug => bug.Protocols.Count))
            return;
        var rows =
            from bug in PlantedBugs.All
            from protocol in bug.Protocols
            let first = caught[(bug.Name, protocol)]
            select string.Create(CultureInfo.InvariantCulture, $"| {bug} | {protocol} | {first.Seed} | {Shortened(first.Complaint)} |\n");
        var text = File.ReadAllText(Page);
        var (start, end) = Table(text);
        File.WriteAllText(Page, text[..start] + string.Concat(rows) + text[end..]);
    }

    /// <summary>Where the rows of the table begin and end.</summary>
    private static (int Start, int End) Table(string text)
    {
        var header = text.IndexOf(Header, StringComparison.Ordinal);
        Assert.That(header, Is.Not.Negative, $"{Page} has no table of planted bugs.");
        var start = header + Header.Length;
        var end = start;
        while (end < text.Length && text[end] == '|')
            end = text.IndexOf('\n', end) + 1;
        return (start, end);
    }

    /// <summary>
    /// Which seed caught a bug when the page was written: its row begins with the bug and the protocol.
    /// </summary>
    private static int? KnownSeed(PlantedBug bug, int protocol)
    {
        var text = File.ReadAllText(Page);
        var (start, end) = Table(text);
        var row = string.Create(CultureInfo.InvariantCulture, $"| {bug} | {protocol} | ");
        var found = text.IndexOf(row, start, end - start, StringComparison.Ordinal);
        return found < 0 ? null : int.Parse(text[(found + row.Length)..].Split(' ', 2)[0], CultureInfo.InvariantCulture);
    }

    /// <summary>
    /// The life of the known seed. Null when it is flawless now, or when all are to be searched anew.
    /// </summary>
    private static async Task<(int Seed, string Complaint)?> KnownComplaint(MutatedLibrary library, PlantedBug bug, int protocol)
    {
        if (Updates || KnownSeed(bug, protocol) is not (> 0 and <= MostSeeds and var seed))
            return null;
        return await Complaint(library, seed, protocol) is { } complaint ? (seed, complaint) : null;
    }

    private static async Task<(int Seed, string Complaint)?> FirstComplaint(MutatedLibrary library, int protocol, int seeds)
    {
        for (var seed = 1; seed <= seeds; seed++)
        {
            if (await Complaint(library, seed, protocol) is { } complaint)
                return (seed, complaint);
        }

        return null;
    }

    /// <summary>Lives one life on a thread of its own, which is left alone if it never ends.</summary>
    private static async Task<string?> Complaint(MutatedLibrary library, int seed, int protocol)
    {
        var life = Task.Factory.StartNew(() => library.Live(seed, protocol), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        try
        {
            return await life.WaitAsync(LongestLife);
        }
        catch (TimeoutException)
        {
            library.IsStuck = true;
            return $"the life does not end: it was given {LongestLife.TotalMinutes:0} minutes";
        }
    }

    private static string Shortened(string complaint)
    {
        var first = complaint.Split("; ")[0];
        return first.Length <= 160 ? first : $"{first[..160]}…";
    }

    private static IEnumerable<TestCaseData> Cases() =>
        from bug in PlantedBugs.All
        select new TestCaseData(bug).SetArgDisplayNames(bug.Protocols is [var one] ? $"protocol {one}: {bug}" : bug.Name);
}
