using NUnit.Framework;
using Rx.IotLink.Protocol.Version2;

namespace Rx.IotLink.Tests.House;

/// <summary>The diagrams of docs/ARCHITECTURE.md say what the tables in the code say.</summary>
public sealed class DiagramTests
{
    [Test]
    public void The_phases_of_protocol_2_are_drawn_as_they_are()
    {
        var there =
            from phase in Enum.GetValues<Phase>()
            from step in Enum.GetValues<Step>()
            where step != Step.Disconnect && Phases.Next(phase, step) is not null
            select $"{phase} --> {Phases.Next(phase, step)} : {step}";

        Assert.That(Drawing(nameof(Phase.Disconnected)).Skip(1), Is.EquivalentTo(there));
    }

    [Test]
    public void The_states_of_a_link_are_drawn_by_their_names() =>
        Assert.That(
            Drawing(nameof(LinkStatus.Connecting)).SelectMany(arrow => arrow.Split(' ').Where((_, at) => at is 0 or 2)).Distinct(),
            Is.EquivalentTo(Enum.GetNames<LinkStatus>().Append("[*]")));

    /// <summary>The arrows of the state diagram that begins there.</summary>
    private static IEnumerable<string> Drawing(string first) => File.ReadLines(Path.Combine(Repository.Root, "docs", "ARCHITECTURE.md"))
        .Select(line => line.Trim())
        .SkipWhile(line => line != $"[*] --> {first}")
        .TakeWhile(line => line != "```");
}
