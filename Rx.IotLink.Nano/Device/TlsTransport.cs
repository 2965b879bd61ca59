using System;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Rx.IotLink.Nano
{
    /// <summary>
    /// TLS 1.2 over TCP. The handshake stops all threads of the device while it lasts. A key costs less and proves as
    /// much, but encrypts nothing.
    /// </summary>
    public sealed class TlsTransport : INanoTransport
    {
        private readonly string host;
        private readonly TcpTransport below;
        private readonly X509Certificate authority;

        /// <summary>Connects to a host whose certificate this authority has signed.</summary>
        public TlsTransport(string host, int port, X509Certificate authority)
        {
            this.host = host;
            below = new TcpTransport(host, port);
            this.authority = authority;
        }

        /// <inheritdoc/>
        public INanoConnection Create()
        {
            return new TlsConnection(host, below, authority);
        }
    }

    /// <summary>One socket with TLS on it.</summary>
    internal sealed class TlsConnection : INanoConnection
    {
        private readonly string host;
        private readonly X509Certificate authority;
        private readonly TcpConnection tcp;
        private readonly object gate = new object();
        private SslStream stream;
        private bool closed;

        public TlsConnection(string host, TcpTransport below, X509Certificate authority)
        {
            this.host = host;
            this.authority = authority;
            tcp = new TcpConnection(below);
        }

        public void Connect()
        {
            tcp.Connect();
            // From here on the descriptor is the stream's: a handshake that fails must not leave it to be closed twice.
            stream = new SslStream(tcp.Socket);
            stream.AuthenticateAsClient(host, null, authority, SslProtocols.Tls12);
        }

        public void SetTimeouts(int milliseconds)
        {
            tcp.SetTimeouts(milliseconds);
        }

        public int Receive(byte[] buffer, int offset, int count)
        {
            return stream.Read(buffer, offset, count);
        }

        public void Send(byte[] buffer, int offset, int count)
        {
            stream.Write(buffer, offset, count);
        }

        public void Close()
        {
            // One of them alone: the stream closes the socket's descriptor too, which may by then be another's.
            SslStream open = stream;
            if (open == null)
            {
                tcp.Close();
                return;
            }

            lock (gate)
            {
                if (closed)
                    return;
                closed = true;
            }

            try
            {
                open.Close();
            }
            catch (OutOfMemoryException)
            {
                closed = false;
                throw;
            }
            catch (Exception)
            {
                // It is not needed any more, whatever this throws.
            }
        }
    }
}
