using NUnit.Framework;
using Rx.IotLink.Testing;

namespace Rx.IotLink.Tests.Testing;

/// <summary>The error of a failing seed says how to replay it, and which faults are enough.</summary>
public sealed class SeedsTests
{
    private static readonly FaultMix Mix = new() { Targets = ["pump-1", "pump-2"], Machines = ["pump-1"], MeanBetween = 2.s() };

    [Test]
    public void A_failure_is_made_small_and_can_be_replayed()
    {
        var runs = 0;
        void Test(int seed, IReadOnlyList<Fault> faults)
        {
            runs++;
            if (faults.Any(f => f.Kind == FaultKind.Crash) && faults.Any(f => f is { Kind: FaultKind.Stall, Lasting.TotalMilliseconds: > 100 }))
                throw new InvalidOperationException("the valve opened twice");
        }

        var failure = Assert.Throws<SeedFailedException>(() => Seeds.Check(1_000, Mix, Test))!;

        Assert.Multiple(() =>
        {
            Assert.That(failure.Faults.Select(f => f.Kind), Is.EquivalentTo([FaultKind.Crash, FaultKind.Stall]));
            Assert.That(failure.Faults.Single(f => f.Kind == FaultKind.Stall).Lasting, Is.InRange(101.ms(), 202.ms()));
            Assert.That(failure.Message, Does.Contain("the valve opened twice").And.Contain($"IOTLINK_SEED={failure.Seed}").And.Contain("    Fault.Crash(\"pump-1\", at: "));
            Assert.That(failure.InnerException, Is.InstanceOf<InvalidOperationException>());
            Assert.That(runs, Is.LessThan(Seeds.MaxShrinkingRuns + failure.Seed + 1));
        });
    }

    [Test]
    public void A_failure_that_needs_no_faults_says_so()
    {
        var failure = Assert.Throws<SeedFailedException>(() => Seeds.Check(3, Mix, (_, _) => throw new InvalidOperationException("always")))!;

        Assert.That((failure.Seed, failure.Faults.Count), Is.EqualTo((1, 0)));
    }

    [Test]
    public void All_seeds_are_run_when_none_fails()
    {
        var seeds = new List<int>();

        Seeds.Check(5, Mix, (seed, _) => seeds.Add(seed), first: 10);

        Assert.That(seeds, Is.EqualTo([10, 11, 12, 13, 14]));
    }

    [Test]
    public void Faults_of_a_seed_are_always_the_same_and_keep_to_the_mix()
    {
        var mix = Mix with { From = 10.s(), Until = 10.min(), Longest = 4.s() };
        var faults = mix.Of(7);

        Assert.Multiple(() =>
        {
            Assert.That(mix.Of(7), Is.EqualTo(faults));
            Assert.That(mix.Of(8), Is.Not.EqualTo(faults));
            Assert.That(faults, Has.Count.InRange(200, 400), "one every 2 s");
            Assert.That(faults.Select(f => f.Kind).Distinct(), Is.EquivalentTo(Enum.GetValues<FaultKind>().Except([FaultKind.Disk, FaultKind.Handler, FaultKind.Log])));
            Assert.That((mix with { Kinds = [FaultKind.Log, FaultKind.Kill], Logs = ["server"] }).Of(7).Where(f => f.Kind == FaultKind.Log).Select(f => f.Target).Distinct(), Is.EqualTo(["server"]));
            Assert.That((mix with { Kinds = [FaultKind.Disk] }).Of(7).Select(f => f.OfDisk).Distinct(), Is.EquivalentTo([DiskFault.Fails, DiskFault.Full]));
            Assert.That((mix with { Kinds = [FaultKind.Handler] }).Of(7).Select(f => f.OfHandler).Distinct(), Is.EquivalentTo(Enum.GetValues<HandlerFault>()));
            Assert.That(faults.Select(f => f.At), Is.Ordered.And.All.InRange(10.s(), 10.min()));
            Assert.That(faults.Select(f => f.End), Is.All.LessThanOrEqualTo(10.min()));
            Assert.That(faults.Select(f => f.Lasting), Is.All.LessThanOrEqualTo(4.s()));
            Assert.That(faults.Where(f => f.Kind == FaultKind.Crash).Select(f => f.Target), Is.All.EqualTo("pump-1"));
        });
    }

    [Test]
    public void A_mix_that_makes_no_sense_is_refused() => Assert.Multiple(() =>
    {
        Assert.That(() => (Mix with { Targets = [] }).Of(1), Throws.ArgumentException.With.Message.Contains("Targets is empty"));
        Assert.That(() => (Mix with { Kinds = [FaultKind.Crash], Machines = [] }).Of(1), Throws.ArgumentException.With.Message.Contains("there are none"));
        Assert.That(() => (Mix with { Kinds = [FaultKind.Log] }).Of(1), Throws.ArgumentException.With.Message.Contains("there are none"));
        Assert.That(() => (Mix with { Disks = [] }).Of(1), Throws.ArgumentException.With.Message.Contains("Disks is empty"));
        Assert.That(() => (Mix with { From = 1.h() }).Of(1), Throws.ArgumentException.With.Message.Contains("From"));
        Assert.That(() => (Mix with { MeanBetween = TimeSpan.Zero }).Of(1), Throws.ArgumentException.With.Message.Contains("MeanBetween"));
    });

    [Test]
    public void The_text_of_a_fault_is_the_code_that_makes_it() => Assert.Multiple(() =>
    {
        Assert.That(Fault.Kill("pump-1", 1_500.ms(), reset: true).ToString(), Is.EqualTo("Fault.Kill(\"pump-1\", at: 1500.ms(), reset: true)"));
        Assert.That(Fault.Kill("pump-1", 1.s(), losesTail: false).ToString(), Is.EqualTo("Fault.Kill(\"pump-1\", at: 1.s(), losesTail: false)"));
        Assert.That(Fault.Stall("barn", 10.s(), 25.s(), StallDirection.Up).ToString(), Is.EqualTo("Fault.Stall(\"barn\", at: 10.s(), lasting: 25.s(), StallDirection.Up)"));
        Assert.That(Fault.Delay("pump-1", 1.s(), 1.s(), 30.ms(), 5.ms()).ToString(), Is.EqualTo("Fault.Delay(\"pump-1\", at: 1.s(), lasting: 1.s(), by: 30.ms(), jitter: 5.ms())"));
        Assert.That(Fault.Coalesce("pump-1", 1.s(), 1.s(), 20.ms()).ToString(), Is.EqualTo("Fault.Coalesce(\"pump-1\", at: 1.s(), lasting: 1.s(), within: 20.ms())"));
        Assert.That(Fault.Throttle("pump-1", 1.s(), 1.s(), 100).ToString(), Is.EqualTo("Fault.Throttle(\"pump-1\", at: 1.s(), lasting: 1.s(), bytesPerSecond: 100)"));
        Assert.That(Fault.Crash("server", 1.s(), 2.s(), MemoryAfterCrash.Kept, CrashKind.PowerLost).ToString(), Is.EqualTo("Fault.Crash(\"server\", at: 1.s(), lasting: 2.s(), MemoryAfterCrash.Kept, how: CrashKind.PowerLost)"));
        Assert.That(Fault.Disk("server", 1.s(), 2.s()).ToString(), Is.EqualTo("Fault.Disk(\"server\", at: 1.s(), lasting: 2.s())"));
        Assert.That(Fault.Disk("server", 1.s(), 2.s(), DiskFault.Full).ToString(), Is.EqualTo("Fault.Disk(\"server\", at: 1.s(), lasting: 2.s(), DiskFault.Full)"));
        Assert.That(Fault.Log("server", 1.s(), 2.s()).ToString(), Is.EqualTo("Fault.Log(\"server\", at: 1.s(), lasting: 2.s())"));
    });
}
