using System.Globalization;

namespace Rx.IotLink.Testing;

/// <summary>Runs a test with the faults of many seeds, and reduces a failure to the few faults that matter.</summary>
public static class Seeds
{
    /// <summary>The environment variable that replays one seed: <see cref="Check"/> then runs only that seed.</summary>
    public const string Variable = "IOTLINK_SEED";

    /// <summary>The most runs of the test that are used to reduce a failure.</summary>
    public const int MaxShrinkingRuns = 500;

    /// <summary>
    /// Runs a test for many seeds. The first that fails is run again with fewer and shorter faults, for as long as it
    /// still fails.
    /// </summary>
    /// <param name="count">How many seeds.</param>
    /// <param name="mix">The kinds of faults.</param>
    /// <param name="test">
    /// The test. It builds a network with this seed, plays these faults, and throws if a promise is broken. Called many
    /// times, always on this thread.
    /// </param>
    /// <param name="first">The first seed. Default 1.</param>
    /// <exception cref="FormatException">
    /// The variable <see cref="Variable"/> is not a whole number.
    /// </exception>
    /// <exception cref="SeedFailedException">
    /// A seed failed. The message has the seed, how to replay it, and the fewest faults that were found to fail.
    /// </exception>
    public static void Check(int count, FaultMix mix, Action<int, IReadOnlyList<Fault>> test, int first = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        ArgumentNullException.ThrowIfNull(mix);
        ArgumentNullException.ThrowIfNull(test);
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } one)
        {
            count = 1;
            if (!int.TryParse(one, NumberStyles.Integer, CultureInfo.InvariantCulture, out first))
                throw new FormatException($"The environment variable {Variable} is '{one}'; a seed is a whole number.");
        }

        for (var seed = first; seed < first + count; seed++)
        {
            var faults = mix.Of(seed);
            if (Failure(seed, faults, test) is not { } failure)
                continue;
            var (fewest, last) = Shrink(faults, failure, fewer => Failure(seed, fewer, test));
            throw new SeedFailedException(seed, fewest, faults.Count, last);
        }
    }

    /// <summary>
    /// Finds the fewest and shortest faults that still fail: first it leaves out whole ranges, then single faults, then
    /// it halves durations.
    /// </summary>
    /// <param name="faults">Faults that fail.</param>
    /// <param name="failure">Their exception.</param>
    /// <param name="fails">Gives the exception of a part of them, or null.</param>
    /// <remarks>
    /// After A. Zeller and R. Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", IEEE Transactions on
    /// Software Engineering, 2002.
    /// </remarks>
    public static (IReadOnlyList<Fault> Faults, Exception Failure) Shrink(IReadOnlyList<Fault> faults, Exception failure, Func<IReadOnlyList<Fault>, Exception?> fails)
    {
        ArgumentNullException.ThrowIfNull(faults);
        ArgumentNullException.ThrowIfNull(fails);
        var (best, last, runs) = (faults.ToList(), failure, 0);
        for (var length = Math.Max(1, best.Count / 2); length >= 1 && best.Count > 0; length /= 2)
        {
            for (var at = 0; at < best.Count && runs < MaxShrinkingRuns;)
            {
                var fewer = best.ToList();
                fewer.RemoveRange(at, Math.Min(length, best.Count - at));
                if (!Try(fewer))
                    at += length;
            }
        }

        for (var at = 0; at < best.Count; at++)
        {
            while (best[at].Lasting > TimeSpan.FromMilliseconds(1) && runs < MaxShrinkingRuns)
            {
                var shorter = best.ToList();
                shorter[at] = best[at] with { Lasting = TimeSpan.FromMilliseconds((long)(best[at].Lasting.TotalMilliseconds / 2)) };
                if (!Try(shorter))
                    break;
            }
        }

        return (best, last);

        bool Try(List<Fault> candidate)
        {
            runs++;
            if (fails(candidate) is not { } still)
                return false;
            (best, last) = (candidate, still);
            return true;
        }
    }

    private static Exception? Failure(int seed, IReadOnlyList<Fault> faults, Action<int, IReadOnlyList<Fault>> test)
    {
        try
        {
            test(seed, faults);
            return null;
        }
        catch (Exception exception)
        {
            return exception;
        }
    }
}

/// <summary>A test failed with the faults of a seed.</summary>
public sealed class SeedFailedException : Exception
{
    internal SeedFailedException(int seed, IReadOnlyList<Fault> faults, int before, Exception failure)
        : base(Text(seed, faults, before, failure), failure) => (Seed, Faults) = (seed, faults);

    /// <summary>The seed.</summary>
    public int Seed { get; }

    /// <summary>The fewest and shortest of its faults that still fail.</summary>
    public IReadOnlyList<Fault> Faults { get; }

    private static string Text(int seed, IReadOnlyList<Fault> faults, int before, Exception failure) =>
        $"""
        Seed {seed} failed: {failure.Message.Trim()}
        To replay it, set {Seeds.Variable}={seed} and run this test again.
        Of its {before} faults {faults.Count} are enough{(faults.Count == 0 ? "" : ":")}
        {string.Join(Environment.NewLine, faults.Select(f => $"    {f},"))}
        """;
}
