namespace Model;

/// <summary>
/// The rules that the promises rest on. Each can be left out, and then the search must find what breaks.
/// </summary>
internal sealed record Rules
{
    /// <summary>An acceptance is acknowledged, and said in an opening, when it is kept.</summary>
    public bool AcknowledgesKept { get; init; } = true;

    /// <summary>A line is acknowledged when it is accepted, not when it arrives.</summary>
    public bool AcknowledgesAccepted { get; init; } = true;

    /// <summary>A server's opening names an epoch that is kept, as a client's always does.</summary>
    public bool SaysKeptEpoch { get; init; } = true;

    /// <summary>A line is sent when it is kept, with all that decides its number.</summary>
    public bool SendsKept { get; init; } = true;

    /// <summary>A line that was given up before it is out of the store before a later line is sent.</summary>
    public bool SendsAfterRemovals { get; init; } = true;

    /// <summary>
    /// A store that is an older copy, and knows that, begins a new epoch. It does not wait for rule 1a.
    /// </summary>
    public bool CopyBeginsEpoch { get; init; } = true;

    /// <summary>The writer of a line that was given up learns it when the store knows it.</summary>
    public bool TellsGivenUpWhenKept { get; init; } = true;

    /// <summary>
    /// A restored line may have been sent. If it is given up, its number is given to no other line.
    /// </summary>
    public bool GivesNumbersOnce { get; init; } = true;

    /// <summary>The store takes no record of an older claim.</summary>
    public bool Fences { get; init; } = true;

    /// <summary>
    /// A process that has a link of the device asks the store, at each opening, whether it owns it still.
    /// </summary>
    public bool ChecksClaimAtOpening { get; init; } = true;

    /// <summary>No two claims have the same token, also not after the store was rolled back.</summary>
    public bool TokensAreNew { get; init; } = true;

    /// <summary>A resumed session continues with the line after the last one that the peer has accepted.</summary>
    public bool ResumesAfterAccepted { get; init; } = true;

    /// <summary>Rule 1a: a memory that was rolled back begins a new epoch.</summary>
    public bool NewEpochAfterRollback { get; init; } = true;

    /// <summary>An opening says which lines have arrived (<c>seen</c>), not only those that are accepted.</summary>
    public bool SaysSeen { get; init; } = true;

    /// <summary>A line with the number of an earlier one is a repetition, and dropped.</summary>
    public bool DropsRepetitions { get; init; } = true;

    /// <summary>Rule 4: the count of a peer's old epoch says nothing about its new one.</summary>
    public bool CountsEpochsApart { get; init; } = true;

    /// <summary>The application does not insert a line whose name it has already.</summary>
    public bool TableKnowsNames { get; init; } = true;
}

/// <summary>Where the application's table is.</summary>
internal enum TablePlace
{
    /// <summary>In its own database: it inserts a line under its unique name, and then accepts it.</summary>
    Own,

    /// <summary>In the store's: the line, its acceptance and the check of the claim are one transaction.</summary>
    InStore,
}

/// <summary>Which way the lines go. The other direction has rules of its own, see docs/model.md.</summary>
internal enum Direction
{
    /// <summary>From the device: one process sends, two servers receive.</summary>
    ToServers,

    /// <summary>To the device: two servers send, one process receives.</summary>
    ToDevice,
}

/// <summary>What the search looks at, and how much of it.</summary>
internal sealed record Scope(Direction Direction)
{
    public TablePlace Table { get; init; } = TablePlace.Own;

    public int Lines { get; init; } = 3;

    public int Window { get; init; } = 2;

    /// <summary>How many processes of the servers' end there are: 1 or 2.</summary>
    public int Servers { get; init; } = 2;

    public int Crashes { get; init; } = 2;

    public int GivenUp { get; init; }

    /// <summary>Whether the network may hold back an opening until its client is elsewhere.</summary>
    public bool LateOpenings { get; init; }

    /// <summary>Whose store is rolled back once, while no process uses it.</summary>
    public Ends RollsBack { get; init; }

    /// <summary>The store is rolled back under living processes, as by a failover to a standby that lags.</summary>
    public bool RollsBackAlive { get; init; }
}

/// <summary>What must never happen.</summary>
internal enum Promise : byte
{
    Kept,
    NoLineTwice,
    InOrder,
    NoLineLost,
    AcceptedIsThere,
    GivenUpNeverComes,
    NoFalseAlarm,
    NoProtocolError,
    AlwaysGoesOn,
}
