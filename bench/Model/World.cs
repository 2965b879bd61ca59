using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Model;

/// <summary>
/// One state of everything: the application's table, both ends' stores, processes and connections. Two states are the
/// same when their bytes are.
/// </summary>
/// <remarks>
/// Lines have names 1, 2, 3 … in the order of their writing. A set of lines is a byte with a bit for each. A number is
/// that of a line on the wire, and an epoch is a small number that nobody has drawn before; 0 is none.
/// </remarks>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct World
{
    /// <summary>The last line that was written.</summary>
    public byte Written;

    /// <summary>Lines that the writing end's store has had: they were reported to their writers as stored.</summary>
    public LineSet Stored;

    /// <summary>Lines that the writing end takes for accepted: they were reported so to their writers.</summary>
    public LineSet Accepted;

    /// <summary>Lines that were given up, and reported to their writers as dropped.</summary>
    public LineSet ToldGivenUp;

    /// <summary>Lines that were given up.</summary>
    public LineSet GivenUp;

    /// <summary>Lines that a rollback has taken from a store: they are lost, as docs/durability.md says.</summary>
    public LineSet Erased;

    /// <summary>What the receiving application has.</summary>
    public Table Table;

    /// <summary>What was reported to the applications since the last rollback.</summary>
    public Notices Notices;

    /// <summary>Which store was rolled back; and the last line that was written before.</summary>
    public Ends RolledBack;
    public byte WrittenBefore;

    /// <summary>Whether an epoch ended before it was kept, or was given up with an old line.</summary>
    public bool EpochLost;

    public SenderStore SenderStore;
    public ReceiverStore ReceiverStore;

    /// <summary>Older states of the stores, for a rollback.</summary>
    public SenderStore SenderBackup;
    public ReceiverStore ReceiverBackup;
    public bool HasBackup;

    /// <summary>The processes at each end; a client has one, a server's end two.</summary>
    public Two<Sender> Senders;
    public Two<Receiver> Receivers;

    /// <summary>Between the client and each server's process.</summary>
    public Two<Connection> Connections;

    /// <summary>The server's process whose <c>ok</c> the client has, from 1; 0: none.</summary>
    public byte ClientAt;

    /// <summary>Faults that may still happen.</summary>
    public byte CrashesLeft;
    public byte RollbacksLeft;
    public byte GiveUpsLeft;

    /// <summary>The promise that the last step broke.</summary>
    public Promise Broken;
}

/// <summary>What the application of the receiving end has, in its own database or in the store's.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct Table
{
    public LineSet Lines;

    /// <summary>The line that came last.</summary>
    public byte Last;

    /// <summary>The names (epoch and number) of all lines that are in it.</summary>
    public ulong Names;

    /// <summary>How many epochs there can be at a time, none included.</summary>
    public const int Epochs = 8;

    public readonly bool Has(byte epoch) => ((Names >> (epoch * 8)) & 0xff) != 0;

    public readonly bool Has(byte epoch, byte number) => (Names & Name(epoch, number)) != 0;

    public static ulong Name(byte epoch, byte number) => 1ul << ((epoch * 8) + number);
}

/// <summary>What the sending end keeps.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct SenderStore
{
    public byte Epoch;

    /// <summary>The number of the oldest line that waits.</summary>
    public byte First;
    public LineSet Waiting;
    public byte Peer;
}

/// <summary>What the receiving end keeps.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct ReceiverStore
{
    public byte Epoch;
    public byte Peer;
    public byte Accepted;

    /// <summary>The table, where it is in the same database. Otherwise empty.</summary>
    public Table Table;
}

/// <summary>The memory of a process that sends.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct Sender
{
    /// <summary>Whether the process has a link of this device.</summary>
    public bool IsOn;

    /// <summary>Whether its claim is the last one. It does not know that.</summary>
    public bool Owns;

    /// <summary>Whether its epoch was restored from the store.</summary>
    public bool IsRestored;

    public byte Epoch;

    /// <summary>The number of the first line that it holds.</summary>
    public byte First;

    /// <summary>The lines that it holds, in the order of their names.</summary>
    public LineSet Held;

    /// <summary>Those that this process has written: their writers wait. The others were restored.</summary>
    public LineSet Own;

    /// <summary>Restored lines whose time is over: given up if the peer says that it does not have them.</summary>
    public LineSet Old;

    /// <summary>How many of them, the first ones, have numbers.</summary>
    public byte Numbered;

    /// <summary>How many of them were sent on this connection.</summary>
    public byte Sent;

    /// <summary>The epoch of the peer that it met last; and the number of its oldest line at that moment.</summary>
    public byte Peer;
    public byte FirstAtMeeting;

    /// <summary>What is not kept yet.</summary>
    public Journal Journal;
}

/// <summary>The memory of a process that receives.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct Receiver
{
    public bool IsOn;
    public bool Owns;
    public byte Epoch;

    /// <summary>The epoch of the peer, and its last lines: accepted and kept, accepted, arrived.</summary>
    public byte Peer;
    public byte Kept;
    public byte Accepted;
    public byte Arrived;

    /// <summary>Whether <see cref="Accepted"/> is still to be kept.</summary>
    public bool IsSaving;

    /// <summary>Whether a line of this epoch was received.</summary>
    public bool HasLines;

    /// <summary>The epoch of the peer before this one.</summary>
    public byte EarlierPeer;
    public byte EarlierAccepted;
    public byte EarlierArrived;

    /// <summary>Lines that wait for the application.</summary>
    public Inbox Inbox;
}

/// <summary>
/// A connection to one server's process. Nothing is on its way: a line or an acknowledgement arrives when it is sent,
/// or is lost with all that follows it in this direction (docs/model.md says why that is enough).
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct Connection
{
    /// <summary>Whether it is open at the server, which may not know yet that it is over.</summary>
    public bool IsOpen;

    /// <summary>Whether lines are lost on it, and acknowledgements.</summary>
    public bool LosesLines;
    public bool LosesAcknowledgements;

    /// <summary>An opening that the network holds back, and that its client has given up.</summary>
    public Offer Late;
}

/// <summary>What an opening says: its epoch, and <c>tx</c> of a sender, or the rest of a receiver.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal record struct Offer(byte Epoch, byte Tx = 0, byte Peer = 0, byte Rx = 0, byte Seen = 0);

/// <summary>What was reported to the applications.</summary>
[Flags]
internal enum Notices : byte
{
    None = 0,
    MemoryRolledBack = 1,
    LinesLost = 2,
    SessionNotResumed = 4,
    PeerRestarted = 8,
}

[Flags]
internal enum Ends : byte
{
    None = 0,
    Sender = 1,
    Receiver = 2,
}

[InlineArray(2)]
internal struct Two<T>
{
    private T first;
}
