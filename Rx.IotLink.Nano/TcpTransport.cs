using System;
using System.Net;
using System.Net.Sockets;

namespace Rx.IotLink.Nano
{
    /// <summary>Plain TCP.</summary>
    public sealed class TcpTransport : INanoTransport
    {
        private readonly string host;
        private readonly int port;
        private readonly IPAddress[] known;
        private int turn;

        /// <summary>
        /// To a host by name or IPv4 address. Of a name with several addresses each attempt that follows a failed one
        /// takes the next.
        /// </summary>
        public TcpTransport(string host, int port)
        {
            this.host = host;
            this.port = port;
        }

        /// <summary>To one of these addresses.</summary>
        internal TcpTransport(IPAddress[] known, int port)
        {
            this.known = known;
            this.port = port;
        }

        /// <inheritdoc/>
        public INanoConnection Create()
        {
            return new TcpConnection(this);
        }

        /// <summary>
        /// The address of the next attempt. Unless that attempt is reported as successful, the one after it uses
        /// another address: an address that does not answer must not hide the others.
        /// </summary>
        internal IPEndPoint Next()
        {
            IPAddress[] addresses = known != null ? known : IsNumeric(host) ? new IPAddress[] { IPAddress.Parse(host) } : Dns.GetHostEntry(host).AddressList;
            for (int tries = 0; tries < addresses.Length; tries++)
            {
                int at = turn % addresses.Length;
                turn = at + 1;
                if (addresses[at].AddressFamily == AddressFamily.InterNetwork)
                    return new IPEndPoint(addresses[at], port);
            }

            throw new InvalidOperationException("the server's name has no IPv4 address");
        }

        /// <summary>
        /// The last attempt has succeeded: the next is made there again, where the server knows this device.
        /// </summary>
        internal void Succeeded()
        {
            turn--;
        }

        private static bool IsNumeric(string host)
        {
            for (int at = 0; at < host.Length; at++)
            {
                char letter = host[at];
                if (letter != '.' && (letter < '0' || letter > '9'))
                    return false;
            }

            return true;
        }
    }

    /// <summary>One socket.</summary>
    internal sealed class TcpConnection : INanoConnection
    {
        private readonly object gate = new object();
        private readonly TcpTransport transport;
        private Socket socket;
        private bool closed;

        public TcpConnection(TcpTransport transport)
        {
            this.transport = transport;
        }

        public Socket Socket
        {
            get { return socket; }
        }

        public void Connect()
        {
            IPEndPoint server = transport.Next();
            // At once where it is closed: nothing may be lost that the system counts.
            socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            Socket made = socket;
            // Closed while the name was looked up: there was no socket to close yet.
            if (IsClosed)
            {
                Close();
                throw new InvalidOperationException("closed while it connected");
            }

            made.Connect(server);
            transport.Succeeded();
            Hurry(made);
        }

        public void SetTimeouts(int milliseconds)
        {
            try
            {
                socket.ReceiveTimeout = milliseconds;
                socket.SendTimeout = milliseconds;
            }
            catch (Exception)
            {
                // Not every network stack has them, and they are but the last resort.
            }
        }

        public int Receive(byte[] buffer, int offset, int count)
        {
            return socket.Receive(buffer, offset, count, SocketFlags.None);
        }

        public void Send(byte[] buffer, int offset, int count)
        {
            while (count > 0)
            {
                int sent = socket.Send(buffer, offset, count, SocketFlags.None);
                if (sent <= 0)
                    throw new InvalidOperationException("nothing could be sent");
                offset += sent;
                count -= sent;
            }
        }

        public void Close()
        {
            Socket open;
            lock (gate)
            {
                closed = true;
                open = socket;
            }

            if (open == null)
                return;
            try
            {
                open.Close();
            }
            catch (OutOfMemoryException)
            {
                throw;
            }
            catch (Exception)
            {
                // It is of no use any more, however it takes that.
            }
        }

        private bool IsClosed
        {
            get
            {
                lock (gate)
                {
                    return closed;
                }
            }
        }

        /// <summary>Sends at once: an acknowledged line takes 40 ms otherwise.</summary>
        private static void Hurry(Socket made)
        {
            try
            {
                made.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.NoDelay, true);
            }
            catch (Exception)
            {
                // Not every network stack can: then it is slower.
            }
        }
    }
}
