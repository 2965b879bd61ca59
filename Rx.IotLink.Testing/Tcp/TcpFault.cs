namespace Rx.IotLink.Testing.Tcp;

/// <summary>
/// A fault between clients and a server, as a value for lists and records. <see cref="FaultProxy"/> does it.
/// </summary>
public abstract record TcpFault
{
    private TcpFault()
    {
    }

    /// <summary>A name for people: the same for all faults of a kind.</summary>
    public abstract string Name { get; }

    internal virtual void Validate()
    {
    }

    /// <summary>
    /// Ends the connection at both ends. Bytes inside the proxy are lost, perhaps in the middle of a line.
    /// </summary>
    /// <param name="Reset">
    /// False (the default): each end sees that the other has finished (FIN), and may read the bytes that had arrived.
    /// True: both ends find the connection reset (RST), and lose unread bytes.
    /// </param>
    public sealed record Kill(bool Reset = false) : TcpFault
    {
        /// <summary>
        /// For this long before the end, the proxy takes sent bytes of both directions and drops them, so that the
        /// sender believes them on their way. Default none; 0 to 1 h. It should be shorter than the timeout of the
        /// ends, or they find the outage first.
        /// </summary>
        public TimeSpan LostTail { get; init; }

        /// <inheritdoc/>
        public override string Name => LostTail > TimeSpan.Zero ? "lost tail" : Reset ? "reset" : "kill";

        internal override void Validate() => Range.Check(LostTail, TimeSpan.Zero, Range.LongestPause, nameof(LostTail));
    }

    /// <summary>A fault that lasts for a time.</summary>
    public abstract record LastingFault : TcpFault
    {
        private protected LastingFault()
        {
        }

        /// <summary>
        /// How long it lasts. Default null: until <see cref="FaultProxy.Heal"/>. More than 0, at most a day.
        /// </summary>
        public TimeSpan? Lasting { get; init; }

        internal override void Validate()
        {
            if (Lasting is { } length)
                Range.Check(length, TimeSpan.FromTicks(1), Range.Longest, nameof(Lasting));
        }
    }

    /// <summary>New connections are reset as soon as they are made; open ones are not affected.</summary>
    public sealed record Refuse : LastingFault
    {
        /// <inheritdoc/>
        public override string Name => "refuse";
    }

    /// <summary>
    /// A <see cref="Kill"/> with reset, and <see cref="Refuse"/> from then on: like an access point that restarts.
    /// </summary>
    public sealed record Away : LastingFault
    {
        /// <inheritdoc/>
        public override string Name => "away";
    }

    /// <summary>
    /// Nothing passes, not even the end of the connection, so that each end has to notice by itself (half-open). Bytes
    /// on their way arrive when the stall is over, if the receiver still exists.
    /// </summary>
    /// <param name="Direction">Both ways, or one.</param>
    public sealed record Stall(StallDirection Direction = StallDirection.Both) : LastingFault
    {
        /// <inheritdoc/>
        public override string Name => Direction switch
        {
            StallDirection.Up => "stall up",
            StallDirection.Down => "stall down",
            _ => "stall",
        };

        internal override void Validate()
        {
            base.Validate();
            Range.Check(Direction, nameof(Direction));
        }
    }

    /// <summary>
    /// All bytes take this much longer, in each direction. They do not wait for each other. At most 64 KiB in at most
    /// 16 pieces are on their way; then the sender has to wait.
    /// </summary>
    /// <param name="By">How long one way takes. 0 to 1 h.</param>
    public sealed record Delay(TimeSpan By) : LastingFault
    {
        /// <inheritdoc/>
        public override string Name => "delay";

        internal override void Validate()
        {
            base.Validate();
            Range.Check(By, TimeSpan.Zero, Range.LongestPause, nameof(By));
        }
    }

    /// <summary>At most this many bytes a second pass, in each direction by itself.</summary>
    /// <param name="BytesPerSecond">How many. 1 to 1,000,000,000.</param>
    public sealed record Throttle(int BytesPerSecond) : LastingFault
    {
        /// <inheritdoc/>
        public override string Name => "throttle";

        internal override void Validate()
        {
            base.Validate();
            Range.Check(BytesPerSecond, 1, 1_000_000_000, nameof(BytesPerSecond));
        }
    }

    /// <summary>Everything passes in small pieces, in each direction, so that lines and characters are split.</summary>
    /// <param name="Bytes">The size of a piece, at most. 1 to 4,096.</param>
    /// <param name="Pause">The pause after each piece. 0 to 1 h.</param>
    public sealed record Slice(int Bytes, TimeSpan Pause) : LastingFault
    {
        /// <inheritdoc/>
        public override string Name => "slice";

        internal override void Validate()
        {
            base.Validate();
            Range.Check(Bytes, 1, 4_096, nameof(Bytes));
            Range.Check(Pause, TimeSpan.Zero, Range.LongestPause, nameof(Pause));
        }
    }

    /// <summary>
    /// Bytes that arrive within a time pass together, at its end, in each direction: many lines in one piece.
    /// </summary>
    /// <param name="Within">The time. More than 0, at most 1 h.</param>
    public sealed record Coalesce(TimeSpan Within) : LastingFault
    {
        /// <inheritdoc/>
        public override string Name => "coalesce";

        internal override void Validate()
        {
            base.Validate();
            Range.Check(Within, TimeSpan.FromTicks(1), Range.LongestPause, nameof(Within));
        }
    }
}
