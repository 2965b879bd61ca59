using System.Globalization;
using Model;
using NUnit.Framework;
using Rx.IotLink.Tests.House;

namespace Rx.IotLink.Tests.Model;

/// <summary>
/// Everything that can happen to a few lines is searched, by the rules of the protocol (docs/model.md).
/// </summary>
[Parallelizable(ParallelScope.All)]
public sealed class ModelTests
{
    private const int MostStates = 4_000_000;

    [TestCaseSource(nameof(Kept))]
    public void Every_promise_is_kept_in_every_state(string name)
    {
        var (_, scope, rules) = Cases.Kept.Single(c => c.Name == name);

        var verdict = new Search(new(scope, rules)).Run(MostStates);

        Assert.That(verdict.Broken, Is.EqualTo(Promise.Kept), Way(verdict));
        Assert.That(
            Repository.Read("docs", "reliability.md"),
            Does.Contain(string.Create(CultureInfo.InvariantCulture, $"| {name} | {scope.Lines} | {scope.Servers} | {scope.Crashes} | {verdict.States:N0} | {verdict.Steps:N0} |")),
            "the page has other figures");
    }

    [TestCaseSource(nameof(Planted))]
    public void A_rule_that_is_left_out_breaks_a_promise(string name)
    {
        var (_, scope, rules) = Cases.Planted.Single(c => c.Name == name);

        var verdict = new Search(new(scope, rules)).Run(MostStates);

        TestContext.Out.WriteLine($"An end {name}:\n{Way(verdict)}");
        Assert.That(verdict.Broken, Is.Not.EqualTo(Promise.Kept));
        Assert.That(Repository.Read("docs", "model.md"), Does.Contain($"| {name} | {verdict.Broken} | {verdict.Trace.Count} |"), "the page says something else");
    }

    /// <summary>Otherwise something else might have broken the promise.</summary>
    [TestCaseSource(nameof(Planted))]
    public void And_with_that_rule_none_is_broken(string name)
    {
        var (_, scope, rules) = Cases.Planted.Single(c => c.Name == name);
        // Where this rule is left out together with another one, that other one stays left out.
        var others = new Rules { CopyBeginsEpoch = rules.CopyBeginsEpoch || rules == new Rules { CopyBeginsEpoch = false } };

        var verdict = new Search(new(scope, others)).Run(MostStates);

        Assert.That(verdict.Broken, Is.EqualTo(Promise.Kept), Way(verdict));
    }

    private static IEnumerable<string> Kept() => Cases.Kept.Select(c => c.Name);

    private static IEnumerable<string> Planted() => Cases.Planted.Select(c => c.Name);

    private static string Way(Verdict verdict) =>
        $"{verdict.Broken} is broken, {verdict.States} states:\n" + string.Join('\n', verdict.Trace);
}
