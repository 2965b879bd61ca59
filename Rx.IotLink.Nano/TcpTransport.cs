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

        /// <summary>To a host by name or IPv4 address.</summary>
        public TcpTransport(string host, int port)
        {
            this.host = host;
            this.port = port;
        }

        /// <inheritdoc/>
        public INanoConnection Create()
        {
            return new TcpConnection(host, port);
        }
    }

    /// <summary>One socket.</summary>
    internal sealed class TcpConnection : INanoConnection
    {
        private readonly object gate = new object();
        private readonly string host;
        private readonly int port;
        private Socket socket;
        private bool closed;

        public TcpConnection(string host, int port)
        {
            this.host = host;
            this.port = port;
        }

        public Socket Socket
        {
            get { return socket; }
        }

        public void Connect()
        {
            IPEndPoint server = new IPEndPoint(Resolve(host), port);
            Socket made = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            lock (gate)
            {
                socket = made;
            }

            // Closed while the name was looked up: there was no socket to close yet.
            if (IsClosed)
            {
                Close();
                throw new InvalidOperationException("closed while it connected");
            }

            made.Connect(server);
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

        private static IPAddress Resolve(string host)
        {
            if (IsNumeric(host))
                return IPAddress.Parse(host);
            IPAddress[] addresses = Dns.GetHostEntry(host).AddressList;
            for (int at = 0; at < addresses.Length; at++)
            {
                if (addresses[at].AddressFamily == AddressFamily.InterNetwork)
                    return addresses[at];
            }

            throw new InvalidOperationException("the server's name has no IPv4 address");
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
}
