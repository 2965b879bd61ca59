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
        /// Final: the first connection failed, and <see cref="FirstConnection.Fail"/> says not to try again. With the
        /// default option no message of a server leads to this.
        /// </summary>
        Refused = 3,

        /// <summary>Final: this end was closed.</summary>
        Closed = 4,
    }

    /// <summary>The result of a write.</summary>
    public enum WriteResult
    {
        /// <summary>The line was taken, and will be sent.</summary>
        Taken = 0,

        /// <summary>The outbox is full.</summary>
        Full = 1,

        /// <summary>The line is longer than the server accepts, or than this end can hold.</summary>
        TooLong = 2,

        /// <summary>It is null, contains a line feed or a NUL, or is not valid text.</summary>
        NotALine = 3,

        /// <summary>The link is closed or refused.</summary>
        Closed = 4,
    }

    /// <summary>The names of states, since an enumeration on the device has only numbers.</summary>
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

    /// <summary>Counts since the link was created. They may change while you read them.</summary>
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

        /// <summary>Connections that ended after they had been up.</summary>
        public int Outages;

        /// <summary>Exactly-once lines that the server accepted.</summary>
        public int LinesAccepted;

        /// <summary>Best-effort lines that a connection has taken.</summary>
        public int BestEffortSent;

        /// <summary>Best-effort lines that were dropped for newer ones.</summary>
        public int BestEffortDropped;

        /// <summary>Lines that can never be sent, since they are too long for the server.</summary>
        public int LinesImpossible;

        /// <summary>How often a line was sent again.</summary>
        public int LinesRepeated;

        /// <summary>Lines of the server that were delivered to the application.</summary>
        public int LinesReceived;

        /// <summary>Lines that came again and were not delivered.</summary>
        public int Duplicates;

        /// <summary>Lines that found the inbox full.</summary>
        public int LinesWithheld;

        /// <summary>Keepalives received.</summary>
        public int Heartbeats;

        /// <summary>
        /// Exceptions that were caught: of handlers, of the network, of the parts given in the options.
        /// </summary>
        public int Errors;
    }
}
