namespace Rx.IotLink.Testing.Tcp;

/// <summary>
/// Something that goes wrong on the way between clients and a server: a value, to be kept in lists and records.
/// <see cref="FaultProxy"/> does it.
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
    /// Ends the connection at both ends. What was on its way inside the proxy is lost, in the middle of a line if need
    /// be.
    /// </summary>
    /// <param name="Reset">
    /// False (the default): both ends are told that the other one has finished (FIN), and may read what had arrived.
    /// True: both ends find the connection reset (RST), and lose what they had not read yet.
    /// </param>
    public sealed record Kill(bool Reset = false) : TcpFault
    {
        /// <summary>
        /// For so long before the end, whatever is sent either way is taken and thrown away, so that its sender
        /// believes it on its way. Default none; 0 to 1 h. Shorter than the timeout of the ends, or they find it first.
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

        /// <summary>How long. Default null: until <see cref="FaultProxy.Heal"/>. More than 0, at most a day.</summary>
        public TimeSpan? Lasting { get; init; }

        internal override void Validate()
        {
            if (Lasting is { } length)
                Range.Check(length, TimeSpan.FromTicks(1), Range.Longest, nameof(Lasting));
        }
    }

    /// <summary>New connections are reset as soon as they are made; those that are open are left alone.</summary>
    public sealed record Refuse : LastingFault
    {
        /// <inheritdoc/>
        public override string Name => "refuse";
    }

    /// <summary>
    /// A <see cref="Kill"/> with reset, and <see cref="Refuse"/> from then on: an access point that starts anew.
    /// </summary>
    public sealed record Away : LastingFault
    {
        /// <inheritdoc/>
        public override string Name => "away";
    }

    /// <summary>
    /// Nothing passes, not even the end of the connection, so that each end has to find out by itself (half-open). What
    /// was under way arrives when the stall is over, if anybody is still there to take it.
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
    /// All bytes take so long for their way, in either direction, beyond what the network itself takes. They do not
    /// wait for each other; 64 KiB are on their way at most, in 16 pieces at most, then the sender is held back.
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

    /// <summary>No more bytes pass than so many in a second, each way by itself.</summary>
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

    /// <summary>Everything passes in small pieces, each way, so that lines and characters are torn apart.</summary>
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
    /// What arrives within a time passes together, at the end of it, each way: many lines in one piece.
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
