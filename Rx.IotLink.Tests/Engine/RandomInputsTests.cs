using FsCheck.Fluent;
using NUnit.Framework;
using Rx.IotLink.Tests.Protocol.Garbage;

namespace Rx.IotLink.Tests.Engine;

/// <summary>
/// Whatever happens, in whatever order, no step throws and what must hold does (<see cref="EngineEnd"/>). FsCheck
/// makes the sequences, as it does for the protocols: what fails is shortened to what matters.
/// </summary>
public sealed class RandomInputsTests
{
    [TestCaseSource(typeof(World), nameof(World.All))]
    public void Whatever_happens_the_rules_hold(World world)
    {
        var (delivered, done, outages, ups) = (0, 0, 0, 0);
        var happening = Gen.Frequency(
            // What ends the link for good comes late, or most of a sequence would happen to a link that has ended.
            (20, Gen.Elements(Happening.All.Where(h => !Ends(h)))),
            (80, Gen.Elements(Happening.All.Where(h => Carries(h)))),
            (1, Gen.Elements(Happening.All.AsEnumerable())));
        var count = 300 * Cases.Times;
        Cases.All(Gen.Choose(20, 150).SelectMany(length => happening.ArrayOf(length)), happenings =>
        {
            var end = new EngineEnd(world);
            foreach (var what in happenings)
                Happening.Happen(what, end);
            delivered += end.Delivered.Count;
            done += end.Written.Count(line => line.Outcome is not null);
            outages += end.Outages;
            ups += end.Engine.Connections;
        }, count);
        TestContext.Out.WriteLine($"{delivered} lines delivered, {done} done, {ups} times up, {outages} ends of connections");
        Assert.That(new[] { delivered, done, outages, ups }, Is.All.GreaterThan(count / 4));
    }

    private static bool Ends(Happening what) => what.Name is "closes the link" or "the link is refused" or "hears '!bye displaced\\n'";

    /// <summary>What lets lines flow.</summary>
    private static bool Carries(Happening what) => what.Name is
        "writes a line" or "handles all lines" or "the output is taken" or "the store keeps all" or "a device that comes back, and has had nothing" or "a device that is new" or
        "a connection without an opening" or "hears '\\n'" or "hears '+0001n1\\n'" or "hears '=0001\\n'" or "hears '00zero\\n'" or "hears '00\\n'" or "hears '01one\\n'" or
        "hears a session that goes on, nothing had" or "hears a server's proof" or "a connection of protocol 1" or "a timeout passes";
}
