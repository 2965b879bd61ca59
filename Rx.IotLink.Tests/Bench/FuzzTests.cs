using Fuzz.Running;
using Fuzz.Targets;
using NUnit.Framework;
using Rx.IotLink.Tests.House;

namespace Rx.IotLink.Tests.Bench;

/// <summary>What the fuzzers keep looking for, for a few seconds: their corpus, and blind changes of it.</summary>
[Parallelizable(ParallelScope.Self)]
public sealed class FuzzTests
{
    private static IEnumerable<string> Targets => Target.All.Select(t => t.Name);

    [TestCaseSource(nameof(Targets))]
    public void No_input_of_the_corpus_breaks_a_promise(string name)
    {
        var corpus = Corpus.Read(Folder(name));
        Assert.That(corpus, Has.Count.GreaterThan(20));
        foreach (var (file, input) in corpus)
            Play(name, file, input);
    }

    [TestCaseSource(nameof(Targets))]
    public void No_change_of_it_breaks_one(string name)
    {
        var mutator = new Mutator([.. Corpus.Read(Folder(name)).Select(c => c.Input)], seed: 1);
        for (var count = 0; count < 2_000; count++)
            Play(name, $"change {count}", mutator.Next());
    }

    [Test]
    public void Who_says_more_than_it_was_asked_for_breaks_one()
    {
        var budget = new Budget();
        budget.Began();
        budget.Received(1);
        budget.Check(2_065);
        Assert.That(() => budget.Check(2_066), Throws.InstanceOf<BrokenPromiseException>());
    }

    private static void Play(string name, string what, byte[] input)
    {
        try
        {
            Target.All.Single(t => t.Name == name).Run(input);
        }
        catch (Exception exception)
        {
            Assert.Fail($"{name}, {what}, {Convert.ToHexString(input)}: {exception}");
        }
    }

    private static string Folder(string name) => Path.Combine(Repository.Root, "bench", "Fuzz", "Corpus", name);
}
