using System.Globalization;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.FSharp.Core;

namespace Rx.IotLink.Tests.Protocol.Garbage;

/// <summary>
/// Many generated cases, always the same ones; a failure names the smallest that fails, and how to have it again.
/// </summary>
internal static class Cases
{
    private const ulong Seed = 94_071;

    private const int Count = 1_000;

    /// <summary>
    /// How many times as many cases are wanted as the suite has time for: ENGINE_RUNS, for the engine.
    /// </summary>
    public static int Times { get; } = int.Parse(Environment.GetEnvironmentVariable("ENGINE_RUNS") ?? "1", CultureInfo.InvariantCulture);

    private static readonly byte[] Telling = [.. "\n\n\n\n\r00123456789abcdefAFgz~ {}"u8, 0xff, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0];

    /// <summary>Any bytes; half of them made of those that mean something.</summary>
    public static Gen<byte[]> AnyBytes(int most) =>
        from length in Gen.Choose(0, most)
        from telling in Gen.Choose(0, 1)
        from bytes in (telling == 0 ? Gen.Choose(0, 255).Select(b => (byte)b) : Gen.Elements(Telling)).ArrayOf(length)
        select bytes;

    /// <summary>Checks that something holds for each case; the check fails by an exception.</summary>
    public static void All(Gen<byte[]> cases, Action<byte[]> check) => All(cases, Smaller, check);

    /// <summary>
    /// Checks that something holds for each case, and looks for the smallest case where it does not.
    /// </summary>
    public static void All<T>(Gen<T[]> cases, Action<T[]> check, int count = Count) => All(cases, Smaller, check, count);

    /// <summary>
    /// Fails a case. An assertion would be noted for each smaller case that is tried, and the smallest be lost among
    /// them.
    /// </summary>
    public static void Require(bool holds, Func<string> what)
    {
        if (!holds)
            throw new CaseFailedException(what());
    }

    /// <summary>Fails a case unless two histories are the same.</summary>
    public static void RequireSame(IEnumerable<string> actual, IEnumerable<string> expected, string how) =>
        Require(actual.SequenceEqual(expected), () => $"{how}: [{string.Join(" | ", actual)}] instead of [{string.Join(" | ", expected)}]");

    private static void All<T>(Gen<T> cases, Func<T, IEnumerable<T>> smaller, Action<T> check, int count = Count) => Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(count).WithReplay(FSharpOption<FsCheck.Replay>.Some(new FsCheck.Replay(new Rnd(Seed), FSharpOption<int>.None))),
        Prop.ForAll(Arb.From(cases, smaller), check));

    private static IEnumerable<T[]> Smaller<T>(T[] items)
    {
        for (var length = items.Length / 2; length > 0; length /= 2)
        {
            for (var start = 0; start + length <= items.Length; start += length)
                yield return [.. items[..start], .. items[(start + length)..]];
        }
    }
}

/// <summary>A generated case does not hold.</summary>
internal sealed class CaseFailedException(string message) : Exception(message);
