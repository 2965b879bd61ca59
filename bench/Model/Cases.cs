namespace Model;

/// <summary>What is searched.</summary>
internal static class Cases
{
    private static readonly Rules EachRule = new();

    private static readonly Scope Up = new(Direction.ToServers) { Lines = 4, Crashes = 3 };

    private static readonly Scope Down = new(Direction.ToDevice) { Lines = 4, Crashes = 3 };

    private static readonly Scope OneUp = Up with { Lines = 2, Crashes = 1, Servers = 1 };

    private static readonly Scope OneDown = Down with { Lines = 2, Crashes = 1, Servers = 1 };

    private static readonly Scope TwoUp = Up with { Lines = 2, Crashes = 1 };

    private static readonly Scope TwoDown = Down with { Lines = 2, Crashes = 1 };

    /// <summary>A store that has an older state again, and does not know it: only the protocol can notice.</summary>
    private static readonly Rules Unaware = new() { CopyBeginsEpoch = false };

    /// <summary>All promises are kept in each of them.</summary>
    public static IReadOnlyList<Case> Kept { get; } =
    [
        new("lines to the servers", Up, EachRule),
        new("lines to the servers, the table in their store", Up with { Table = TablePlace.InStore }, EachRule),
        new("lines to the device", Down, EachRule),
        new("to the servers, openings come late", TwoUp with { Crashes = 2, LateOpenings = true }, EachRule),
        new("to the device, openings come late", TwoDown with { LateOpenings = true }, EachRule),
        new("to the servers, a line is given up", Up with { Lines = 3, Crashes = 2, GivenUp = 1 }, EachRule),
        new("to the device, a line is given up", TwoDown with { GivenUp = 1 }, EachRule),
        new("to the servers, a line is given up, the table in their store", TwoUp with { GivenUp = 1, Table = TablePlace.InStore }, EachRule),
        new("to the servers, the device's backup is restored", TwoUp with { Crashes = 2, RollsBack = Ends.Sender }, EachRule),
        new("to the servers, their backup is restored", TwoUp with { RollsBack = Ends.Receiver }, EachRule),
        new("to the device, the servers' backup is restored", TwoDown with { RollsBack = Ends.Sender }, EachRule),
        new("to the device, its backup is restored", TwoDown with { RollsBack = Ends.Receiver }, EachRule),
        new("to the servers, a failover loses commits", TwoUp with { RollsBack = Ends.Receiver, RollsBackAlive = true, Table = TablePlace.InStore }, EachRule),
        new("to the device, a failover loses commits", TwoDown with { RollsBack = Ends.Sender, RollsBackAlive = true }, EachRule),
        new("to the server, a store is older and does not know it", OneUp with { Crashes = 0, RollsBack = Ends.Sender }, Unaware),
        new("to the device, a store is older and does not know it", OneDown with { Lines = 1, RollsBack = Ends.Sender }, Unaware),
    ];

    /// <summary>The same with more of everything.</summary>
    public static IReadOnlyList<Case> Large { get; } =
    [
        new("lines to the servers", Up with { Crashes = 5, Window = 3 }, EachRule),
        new("lines to the device", Down with { Crashes = 5, Window = 3 }, EachRule),
        new("to the servers, openings come late", Up with { Lines = 3, LateOpenings = true }, EachRule),
        new("to the servers, a line is given up", Up with { Crashes = 3, GivenUp = 2 }, EachRule),
        new("to the device, a line is given up", TwoDown with { Lines = 3, GivenUp = 1 }, EachRule),
        new("to the servers, the device's backup is restored", Up with { Lines = 3, Crashes = 2, RollsBack = Ends.Sender }, EachRule),
        new("to the servers, their backup is restored", Up with { Lines = 3, Crashes = 2, RollsBack = Ends.Receiver }, EachRule),
        new("to the device, the servers' backup is restored", Down with { Lines = 3, Crashes = 1, RollsBack = Ends.Sender }, EachRule),
        new("to the servers, a failover loses commits", Up with { Crashes = 2, RollsBack = Ends.Receiver, RollsBackAlive = true, Table = TablePlace.InStore }, EachRule),
    ];

    /// <summary>An end that leaves out a rule. Each must break a promise.</summary>
    public static IReadOnlyList<Case> Planted { get; } =
    [
        new("acknowledges a line before the acceptance is kept", OneUp, new() { AcknowledgesKept = false }),
        new("acknowledges a line when it arrives", OneUp, new() { AcknowledgesAccepted = false }),
        new("sends a line before it is kept", OneUp, new() { SendsKept = false }),
        new("sends a line before an earlier one that was given up is out of the store", OneUp with { GivenUp = 1 }, new() { SendsAfterRemovals = false }),
        new("reports that a line was given up before the store knows it", OneUp with { GivenUp = 1 }, new() { TellsGivenUpWhenKept = false }),
        new("gives the number of a restored line that was given up to another line", OneUp with { Crashes = 2, GivenUp = 1 }, new() { GivesNumbersOnce = false }),
        new("resumes with the line after the first that is not acknowledged", OneUp, new() { ResumesAfterAccepted = false }),
        new("takes a repeated line for a new one", OneUp, new() { DropsRepetitions = false }),
        new("counts the lines of a new epoch with the old one's", OneUp with { RollsBack = Ends.Sender }, new() { CountsEpochsApart = false }),
        new("has a store that takes records of an older claim", TwoDown, new() { Fences = false }),
        new("hands out lines while another owner is alive", TwoUp with { Table = TablePlace.InStore }, new() { Fences = false }),
        new("does not ask whether its claim still holds when a device comes back", TwoDown, new() { ChecksClaimAtOpening = false }),
        new("gives a token twice after a failover", TwoDown with { RollsBack = Ends.Sender, RollsBackAlive = true }, new() { TokensAreNew = false }),
        new("continues the epoch of a backup that is restored", OneUp with { RollsBack = Ends.Sender, Table = TablePlace.InStore }, Unaware),
        new("continues an epoch of which the peer has more lines", OneUp with { Crashes = 0, RollsBack = Ends.Sender }, Unaware with { NewEpochAfterRollback = false }),
        new("does not say which lines have arrived", OneUp with { Crashes = 0, RollsBack = Ends.Sender }, Unaware with { SaysSeen = false }),
        new("names an epoch that is not kept", OneDown with { Lines = 1, RollsBack = Ends.Sender }, Unaware with { SaysKeptEpoch = false }),
        new("has a table that does not know the names of its lines", OneUp, new() { TableKnowsNames = false }),
    ];
}

/// <summary>One search.</summary>
/// <param name="Name">What happens, or what the end does.</param>
/// <param name="Scope">How much of it.</param>
/// <param name="Rules">By which rules.</param>
internal sealed record Case(string Name, Scope Scope, Rules Rules);
