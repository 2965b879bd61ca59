using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace Rx.IotLink.Tests.Security;

/// <summary>A scripted device over TLS, with a certificate or without.</summary>
internal sealed class TlsPeer : IDisposable
{
    private readonly TcpClient tcp = new();
    private SslStream? tls;
    private StreamReader? reader;

    /// <summary>Connects, and makes the handshake.</summary>
    /// <param name="to">The server.</param>
    /// <param name="authority">Whose certificates are trusted.</param>
    /// <param name="certificate">What is presented, or null.</param>
    /// <param name="preface">What is sent before the handshake.</param>
    public static async Task<TlsPeer> ConnectAsync(IPEndPoint to, Authority authority, X509Certificate2? certificate = null, ReadOnlyMemory<byte> preface = default)
    {
        var peer = new TlsPeer();
        try
        {
            await peer.tcp.ConnectAsync(to).WaitAsync(Ends.Bound);
            await peer.tcp.GetStream().WriteAsync(preface);
            peer.tls = new(peer.tcp.GetStream());
            await peer.tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
            {
                TargetHost = "127.0.0.1",
                CertificateChainPolicy = authority.Policy(),
                ClientCertificateContext = certificate is null ? null : SslStreamCertificateContext.Create(certificate, [], offline: true),
            }).WaitAsync(Ends.Bound);
            peer.reader = new(peer.tls);
            return peer;
        }
        catch
        {
            peer.Dispose();
            throw;
        }
    }

    public IPEndPoint Address => (IPEndPoint)tcp.Client.LocalEndPoint!;

    public async Task SayAsync(string line) => await tls!.WriteAsync(System.Text.Encoding.UTF8.GetBytes(line + "\n"));

    /// <summary>Opens a link of protocol 2.</summary>
    public Task OpenAsync(string id, string more = "") => SayAsync($"IOTLINK/2 id={id} conn=1 epoch=1 tx=1 window=64 max=4000{more}");

    /// <summary>The next line, or null at the end.</summary>
    public Task<string?> HearAsync() => reader!.ReadLineAsync().WaitAsync(Ends.Bound);

    /// <summary>All that is said until the end.</summary>
    public Task<string> HearToEndAsync() => reader!.ReadToEndAsync().WaitAsync(Ends.Bound);

    public void Dispose()
    {
        reader?.Dispose();
        tls?.Dispose();
        tcp.Dispose();
    }
}
