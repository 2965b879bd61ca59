using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using NUnit.Framework;
using Rx.IotLink.Testing.Simulation;

namespace Rx.IotLink.Tests.Testing;

/// <summary>The end of a simulated wire is what a link takes for the reader of a socket.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class WireReaderTests
{
    private readonly WireReader reader = new();

    [Test]
    public async Task A_read_waits_for_what_comes_and_gets_all_of_it()
    {
        var read = reader.ReadAsync().AsTask();
        Assert.That(read.IsCompleted, Is.False);

        reader.Append("ab"u8);
        reader.Append("c"u8);
        Assert.That(read.IsCompleted, Is.False, "not before it is given");
        reader.Give();

        Assert.That(Text(await read), Is.EqualTo("abc"));
    }

    [Test]
    public async Task What_was_examined_and_not_consumed_comes_again_with_the_next_bytes_and_not_before()
    {
        Say("+0001a\n+00");
        var first = Read();
        reader.AdvanceTo(first.Buffer.GetPosition(7), first.Buffer.End);
        var read = reader.ReadAsync().AsTask();
        Assert.That(read.IsCompleted, Is.False);

        Say("02b\n");

        Assert.That(Text(await read), Is.EqualTo("+0002b\n"));
    }

    [Test]
    public void What_was_neither_examined_nor_consumed_is_there_at_once()
    {
        Say("ab");
        var first = Read();
        reader.AdvanceTo(first.Buffer.GetPosition(1));

        Assert.That(Text(Read()), Is.EqualTo("b"));
    }

    /// <summary>
    /// Bytes that come while the reader is at work must not move what it works on, however many they are.
    /// </summary>
    [Test]
    public void What_is_lent_stays_as_it_is_while_more_comes([Values(1, 300, 10_000)] int more)
    {
        Say("xxx");
        var skipped = Read();
        reader.AdvanceTo(skipped.Buffer.GetPosition(2));
        var lent = Read();

        Say(new string('y', more));

        Assert.That(Text(lent), Is.EqualTo("x"));
        reader.AdvanceTo(lent.Buffer.Start, lent.Buffer.End);
        Assert.That(Text(Read()), Is.EqualTo("x" + new string('y', more)));
    }

    /// <summary>A link that reads for years needs no more memory than what waits at a time.</summary>
    [Test]
    public void Memory_is_used_again()
    {
        Say(new string('x', 100));
        reader.AdvanceTo(Read().Buffer.GetPosition(50));
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var round = 0; round < 1_000; round++)
        {
            reader.Append("01234567890123456789012345678901234567890123456789"u8);
            reader.Give();
            var read = Read();
            reader.AdvanceTo(read.Buffer.GetPosition(50));
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(5_000));
    }

    [Test]
    public void An_end_comes_after_the_bytes_and_a_reset_instead_of_them([Values] bool reset)
    {
        Say("ab");
        reader.End(reset ? new IOException("reset") : null);

        if (reset)
        {
            Assert.That(() => Read(), Throws.TypeOf<IOException>());
            return;
        }

        var last = Read();
        Assert.That((Text(last), last.IsCompleted), Is.EqualTo(("ab", true)));
    }

    [Test]
    public void A_reset_ends_a_read_that_waits()
    {
        var read = reader.ReadAsync().AsTask();

        reader.End(new IOException("reset"));

        Assert.That(async () => await read, Throws.TypeOf<IOException>());
    }

    [Test]
    public async Task A_read_can_be_called_off_once_whether_it_waits_or_not([Values] bool waits)
    {
        var waiting = waits ? reader.ReadAsync().AsTask() : null;
        reader.CancelPendingRead();

        Assert.That((waiting is null ? Read() : await waiting).IsCanceled, Is.True);
        Assert.That(reader.ReadAsync().AsTask().IsCompleted, Is.False);
    }

    [Test]
    public void Two_reads_at_a_time_are_a_mistake_and_so_is_one_after_the_end_of_reading()
    {
        _ = reader.ReadAsync().AsTask();
        Assert.That(() => reader.TryRead(out _), Throws.InvalidOperationException);

        var other = new WireReader();
        other.Complete();
        other.Append("lost"u8);
        Assert.That(() => other.TryRead(out _), Throws.InvalidOperationException);
    }

    private void Say(string text)
    {
        reader.Append(Encoding.ASCII.GetBytes(text));
        reader.Give();
    }

    private ReadResult Read() => reader.TryRead(out var result) ? result : throw new AssertionException("There is nothing to read.");

    private static string Text(ReadResult read) => Encoding.ASCII.GetString(read.Buffer.ToArray());
}
