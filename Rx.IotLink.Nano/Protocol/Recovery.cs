namespace Rx.IotLink.Nano.Protocol
{
    /// <summary>
    /// What is not known of a session that goes on from a kept memory. One that kept all lines before they were sent
    /// leaves nothing open. One that kept some of them (the flash) may have sent others: which numbers those had, the
    /// server says.
    /// </summary>
    internal sealed class Recovery
    {
        /// <summary>
        /// The number behind the last line whose number is known; 0: all that was sent is known. Until the server has
        /// said, no line behind it has a number.
        /// </summary>
        public ulong End;

        /// <summary>The number of the first line behind those, as far as the server has said.</summary>
        public ulong Next;

        /// <summary>The number of the last line that had arrived, by the opening of this connection.</summary>
        public ulong Seen;

        /// <summary>Whether the server remembers nothing: then the lines behind get a new memory.</summary>
        public bool IsForgotten;

        /// <summary>The server's window.</summary>
        public int Window;

        /// <summary>How many lines may be on their way.</summary>
        public int Room(ulong first)
        {
            ulong known = first < End ? End - first : 0;
            return known < (ulong)(uint)Window ? (int)known : Window;
        }
    }
}
