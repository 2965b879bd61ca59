using NUnit.Framework;
using Rx.IotLink.Tests.Protocol.Garbage;

namespace Rx.IotLink.Tests.Engine;

/// <summary>
/// Whatever the pipe between two engines does, each line arrives once and in order, and is reported as accepted only
/// then.
/// </summary>
public sealed class PairTests
{
    /// <summary>More with ENGINE_RUNS=N: N times as many.</summary>
    private static readonly int Seeds = 10 * Cases.Times;

    private const int Steps = 1_500;

    [TestCase(1, false)]
    [TestCase(2, false)]
    [TestCase(2, true)]
    public void Each_line_comes_once_and_in_order_whatever_the_pipe_does(int version, bool isKept)
    {
        var (lines, givenUp, cuts, restarts, outages) = (0, 0, 0, 0, 0);
        for (var seed = 1; seed <= Seeds; seed++)
        {
            var pair = new Pair(seed, version, isKept);
            try
            {
                pair.Live(Steps);
            }
            catch (CaseFailedException exception)
            {
                Assert.Fail($"seed {seed}: {exception}");
            }

            lines += pair.Lines;
            givenUp += pair.GivenUp;
            cuts += pair.Cuts;
            restarts += pair.Restarts;
            outages += pair.Outages;
        }

        TestContext.Out.WriteLine($"{lines} lines, {givenUp} given up, {cuts} cuts, {restarts} restarts, {outages} ends of connections");
        Assert.That(lines, Is.GreaterThan(50 * Seeds));
        Assert.That(givenUp, Is.GreaterThan(Seeds));
        Assert.That(cuts, Is.GreaterThan(2 * Seeds));
        Assert.That(restarts, isKept ? Is.GreaterThan(Seeds) : Is.Zero);
    }
}
