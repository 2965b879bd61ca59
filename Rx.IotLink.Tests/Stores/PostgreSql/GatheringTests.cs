using NUnit.Framework;
using Rx.IotLink.PostgreSql.Database;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Stores.PostgreSql;

/// <summary>Questions that come while others are answered.</summary>
internal sealed class GatheringTests
{
    [Test]
    public async Task They_are_answered_together()
    {
        var gathering = new Doubling(most: 300, isEachOnce: false);
        var all = Enumerable.Range(0, 1_000).Select(gathering.AskAsync).ToList();
        gathering.GoOn.SetResult();
        Assert.That(await Task.WhenAll(all).Within(), Is.EqualTo(Enumerable.Range(0, 1_000).Select(n => 2 * n)));
        Assert.That(gathering.Calls, Is.EqualTo([1, 300, 300, 300, 99]));
        Assert.That(await gathering.AskAsync(7).Within(), Is.EqualTo(14));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task Equal_ones_are_apart_where_that_is_wanted(bool isEachOnce)
    {
        var gathering = new Doubling(most: 300, isEachOnce);
        int[] questions = [1, 5, 5, 6, 5];
        var all = questions.Select(gathering.AskAsync).ToList();
        gathering.GoOn.SetResult();
        Assert.That(await Task.WhenAll(all).Within(), Is.EqualTo([2, 10, 10, 12, 10]));
        Assert.That(gathering.Calls, Is.EqualTo(isEachOnce ? new[] { 1, 1, 2, 1 } : new[] { 1, 4 }));
    }

    [Test]
    public async Task A_failure_is_that_of_those_without_an_answer_alone()
    {
        var gathering = new Doubling(most: 300, isEachOnce: false) { FailsAt = 2 };
        int[] questions = [1, 2, 3];
        var all = questions.Select(gathering.AskAsync).ToList();
        gathering.GoOn.SetResult();
        Assert.That(await all[0].Within(), Is.EqualTo(2));
        Assert.That((await Assert.CatchAsync(() => all[1].Within()))?.Message, Is.EqualTo("2 cannot be doubled"));
        Assert.That((await Assert.CatchAsync(() => all[2].Within()))?.Message, Is.EqualTo("2 cannot be doubled"));
        Assert.That(await gathering.AskAsync(3).Within(), Is.EqualTo(6), "the next call is not affected");
    }

    private sealed class Doubling(int most, bool isEachOnce) : Gathering<int, int>(most, isEachOnce)
    {
        /// <summary>The first call waits for it.</summary>
        public TaskCompletionSource GoOn { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public List<int> Calls { get; } = [];

        public int? FailsAt { get; init; }

        public new Task<int> AskAsync(int question) => base.AskAsync(question);

        protected override async Task AnswerAsync(IReadOnlyList<Asked<int, int>> some)
        {
            Calls.Add(some.Count);
            await GoOn.Task;
            foreach (var asked in some)
            {
                if (asked.Question == FailsAt)
                    throw new InvalidOperationException($"{asked.Question} cannot be doubled");
                asked.Result.TrySetResult(2 * asked.Question);
            }
        }
    }
}
