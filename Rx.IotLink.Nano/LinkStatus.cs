namespace Rx.IotLink.Nano
{
    /// <summary>The states of a link.</summary>
    public enum LinkStatus
    {
        /// <summary>Never up so far.</summary>
        Connecting = 0,

        /// <summary>Lines flow both ways.</summary>
        Up = 1,

        /// <summary>An outage. It heals by itself.</summary>
        Down = 2,

        /// <summary>
        /// Final: the first connection failed and was not to be tried again. Nothing that a server says leads to this.
        /// </summary>
        Refused = 3,

        /// <summary>Final: this end was closed.</summary>
        Closed = 4,
    }

    /// <summary>What became of a line that was to be written.</summary>
    public enum WriteResult
    {
        /// <summary>It was taken, and will be sent.</summary>
        Taken = 0,

        /// <summary>The outbox is full.</summary>
        Full = 1,

        /// <summary>It is longer than the server takes, or than this end can hold.</summary>
        TooLong = 2,

        /// <summary>It is null, holds a line feed or a NUL, or is no valid text.</summary>
        NotALine = 3,

        /// <summary>The link is closed, or its first connection failed and was not to be tried again.</summary>
        Closed = 4,
    }

    /// <summary>Their names, since an enumeration on the device knows only its numbers.</summary>
    public static class LinkNames
    {
        /// <summary>The name of a state.</summary>
        public static string Of(LinkStatus status)
        {
            switch (status)
            {
                case LinkStatus.Connecting:
                    return "connecting";
                case LinkStatus.Up:
                    return "up";
                case LinkStatus.Down:
                    return "down";
                case LinkStatus.Refused:
                    return "refused";
                default:
                    return "closed";
            }
        }
    }

    /// <summary>Counts since the link was made. They are read while they change.</summary>
    public sealed class NanoCounters
    {
        /// <summary>How often the link has come up.</summary>
        public int Connections;

        /// <summary>How often a connection was tried.</summary>
        public int Attempts;

        /// <summary>How often the Wi-Fi was brought up.</summary>
        public int WifiConnections;

        /// <summary>How often the Wi-Fi was taken down because the link stayed down.</summary>
        public int WifiResets;

        /// <summary>Ends of connections that had been up.</summary>
        public int Outages;

        /// <summary>Exactly-once lines that the server accepted.</summary>
        public int LinesAccepted;

        /// <summary>Best-effort lines that were handed to a connection.</summary>
        public int BestEffortSent;

        /// <summary>Best-effort lines that gave way to newer ones.</summary>
        public int BestEffortDropped;

        /// <summary>Lines that the server takes no more, since they are too long for it.</summary>
        public int LinesImpossible;

        /// <summary>Times a line was sent again.</summary>
        public int LinesRepeated;

        /// <summary>Lines of the server that were handed to the application.</summary>
        public int LinesReceived;

        /// <summary>Lines that came again and were not handed on.</summary>
        public int Duplicates;

        /// <summary>Lines that found the inbox full.</summary>
        public int LinesWithheld;

        /// <summary>Keepalives heard.</summary>
        public int Heartbeats;

        /// <summary>
        /// Exceptions that were caught: of handlers, of the network, of the parts given in the options.
        /// </summary>
        public int Errors;
    }
}
