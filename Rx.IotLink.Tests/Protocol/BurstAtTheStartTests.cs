using NUnit.Framework;
using Rx.IotLink.Tests.Protocol.Driving;
using static Rx.IotLink.Tests.Protocol.Driving.ProtocolDriver;

namespace Rx.IotLink.Tests.Protocol;

/// <summary>
/// A peer whose process begins with several lines at once, without waiting for acknowledgements (the ancestor's qos
/// without wait), and restarts soon with the very same lines.
/// </summary>
[TestFixture(Side.Client)]
[TestFixture(Side.Server)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class BurstAtTheStartTests(Side side)
{
    private static readonly TimeSpan Delay = TimeSpan.FromMilliseconds(20);

    private readonly ProtocolDriver end = new(side, firstAcknowledgementDelay: Delay);

    [Test]
    public void The_first_line_is_taken_at_once_and_acknowledged_a_moment_later()
    {
        Connect();
        Say("00a");
        Assert.That(Take(), Is.EqualTo(["line a"]));
        end.Advance(Delay - Tick);
        Assert.That(Take(), Is.Empty);
        end.Advance(Tick);
        Assert.That(Take(), Is.EqualTo(["> 00"]));
    }

    [Test]
    public void A_peer_that_waits_for_the_first_acknowledgement_is_not_held_up_any_more()
    {
        Connect();
        Say("00a");
        end.Advance(Delay);
        Take();
        Say("01b");
        Assert.That(Take(), Is.EqualTo(["line b", "> 01"]));
    }

    [Test]
    public void What_comes_with_the_first_line_waits_until_it_is_repeated_and_the_first_is_not()
    {
        Connect();
        Say("00a", "01b", "02c");
        Assert.That(Take(), Is.EqualTo(["line a"]));
        end.Advance(Delay);
        Assert.That(Take(), Is.EqualTo(["> 00"]));
        end.Advance(T);
        Say("01b");
        Assert.That(Take(), Is.EqualTo(["line b", "line c", "duplicate", "> 01", "> 02"]));
    }

    [Test]
    public void What_comes_with_the_first_line_waits_no_longer_than_a_repetition_would_take()
    {
        Connect();
        Say("00a", "01b", "02c");
        end.Advance(Delay);
        Take();
        Say("03d");
        end.Advance((T * 5 / 4) - Tick);
        Assert.That(Take(), Is.Empty, "what follows keeps its place");
        end.Advance(Tick);
        Assert.That(Take(), Is.EqualTo(["line b", "line c", "line d"]));
    }

    [Test]
    public void A_first_line_that_is_repeated_itself_says_nothing_for_the_others()
    {
        Connect();
        Say("00a", "01b");
        end.Advance(Delay);
        end.Advance(T);
        Take();
        Say("00a", "01b");
        Assert.That(Take(), Is.EqualTo(["duplicate", "> 00", "line b", "duplicate", "> 01"]), "it was lost, and its acknowledgement is said before that of 01 is asked for");
    }

    [Test]
    public void What_is_held_goes_with_its_connection_and_comes_again([Values(1, 4, 40)] int lines)
    {
        var burst = Enumerable.Range(0, lines).Select(n => $"{n:x2}line{n}").ToArray();
        var given = new List<string>();
        for (var connection = 0; connection < 6; connection++)
        {
            Connect();
            Say(burst);
            end.Advance(connection < 5 ? Delay : Delay + (T * 5 / 4));
            given.AddRange(end.Take().Where(e => e.StartsWith("line ", StringComparison.Ordinal)).Select(e => e[5..]));
            end.Disconnect();
        }

        Assert.That(given, Is.EqualTo(Enumerable.Range(0, lines).Select(n => $"line{n}")));
    }

    /// <summary>Killed and started again, at any moment, with the same four lines: at most the first is in doubt, and a
    /// notice says so.</summary>
    [Test]
    public void A_peer_that_restarts_with_the_same_lines_loses_at_most_the_first_of_them([Range(0, 40)] int eighths)
    {
        string[] burst = ["00a", "01b", "02c", "03d"];
        var (given, doubted) = (0, 0);
        for (var life = 0; life < 6; life++)
        {
            Connect();
            Say(burst);
            for (var eighth = 0; eighth < eighths; eighth++)
            {
                end.Advance(T / 8);
                if (eighth == 8)
                    Say("01b", "02c", "03d");
                Say("");
            }

            var told = end.Take();
            doubted += told.Count(e => e == "notice RepetitionAssumed");
            var lines = told.Where(e => e.StartsWith("line ", StringComparison.Ordinal)).Select(e => e[5..]).ToArray();
            given += lines.Length;
            var acknowledged = told.Where(e => e is "> 00" or "> 01" or "> 02" or "> 03").Distinct().Count();
            var missing = acknowledged - lines.Length;
            Assert.That(missing, Is.LessThanOrEqualTo(told.Contains("notice RepetitionAssumed") ? 1 : 0), $"life {life}: {string.Join(", ", told)}");
            end.Disconnect();
        }

        TestContext.Out.WriteLine($"{given} given, {doubted} in doubt");
    }

    private void Connect()
    {
        end.ConnectAndOpen();
        end.Take();
    }

    private void Say(params string[] lines)
    {
        end.Receive(string.Concat(lines.Select(l => l + "\n")));
        end.AcceptAll();
    }

    private string[] Take() => [.. end.Take().Where(e => e is not ("heartbeat" or "> "))];
}
