using System.Runtime.CompilerServices;
using NUnit.Framework;

namespace Rx.IotLink.Tests.Operators;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class WriteAllAsyncTests
{
    private readonly ScriptedLink link = new();
    private readonly List<string> asked = [];
    private readonly TaskCompletionSource second = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool disposed;

    [Test]
    public async Task The_next_line_is_asked_for_when_the_one_before_it_was_accepted()
    {
        var accepting = new Dictionary<string, TaskCompletionSource>(StringComparer.Ordinal) { ["a"] = new(), ["b"] = new() };
        link.OnWriteAsync = (line, _) => accepting[line].Task;

        var all = link.WriteAllAsync(Source(["a", "b"]));
        Assert.That(asked, Is.EqualTo(new[] { "a" }));
        accepting["a"].SetResult();
        await second.Task.WaitAsync(TimeSpan.FromMinutes(1));
        Assert.That(all.IsCompleted, Is.False);
        accepting["b"].SetResult();
        await all;

        Assert.That(link.Written, Is.EqualTo(new[] { "a", "b" }));
        Assert.That(disposed);
    }

    [Test]
    public void An_error_of_the_link_ends_the_reading_of_the_source()
    {
        link.OnWriteAsync = (_, _) => Task.FromException(new LinkClosedException("scripted", "now"));

        Assert.That(() => link.WriteAllAsync(Source(["a", "b"])), Throws.InstanceOf<LinkClosedException>());
        Assert.That(asked, Is.EqualTo(new[] { "a" }));
        Assert.That(disposed);
    }

    [Test]
    public void An_error_of_the_source_comes_through_after_the_lines_before_it()
    {
        Assert.That(() => link.WriteAllAsync(Source(["a"], new IOException("broken"))), Throws.InstanceOf<IOException>());
        Assert.That(link.Written, Is.EqualTo(new[] { "a" }));
    }

    [Test]
    public async Task Cancelling_reaches_the_line_that_is_being_written_and_the_source()
    {
        using var cancelling = new CancellationTokenSource();
        link.OnWriteAsync = (_, cancelled) => new TaskCompletionSource().Task.WaitAsync(cancelled);

        var all = link.WriteAllAsync(Source(["a", "b"]), cancelling.Token);
        await cancelling.CancelAsync();

        Assert.That(() => all.WaitAsync(TimeSpan.FromMinutes(1)), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(disposed);
        Assert.That(asked, Is.EqualTo(new[] { "a" }));
    }

    private async IAsyncEnumerable<string> Source(string[] lines, Exception? error = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        try
        {
            foreach (var line in lines)
            {
                cancellationToken.ThrowIfCancellationRequested();
                asked.Add(line);
                if (asked.Count == 2)
                    second.SetResult();
                await Task.CompletedTask;
                yield return line;
            }

            if (error is not null)
                throw error;
        }
        finally
        {
            disposed = true;
        }
    }
}
