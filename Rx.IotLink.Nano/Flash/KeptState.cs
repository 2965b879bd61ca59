namespace Rx.IotLink.Nano.Flash
{
    /// <summary>What a batch on the flash says of the session, beside its lines.</summary>
    internal sealed class KeptState
    {
        /// <summary>Whether the memory had a name: before its first connection it has none.</summary>
        public bool HasEpoch;

        public ulong Epoch;

        /// <summary>The number of the oldest line that is kept and was not accepted.</summary>
        public ulong First;

        /// <summary>How many of the lines that are kept have their numbers, from <see cref="First"/> on.</summary>
        public int Numbered;

        /// <summary>How many lines are kept, with those of this batch.</summary>
        public int Count;

        public bool KnowsPeer;

        public ulong PeerEpoch;

        /// <summary>The number of the last line of the peer that was accepted by then, or of an earlier one.</summary>
        public ulong Accepted;

        public ulong Connections;
    }
}
