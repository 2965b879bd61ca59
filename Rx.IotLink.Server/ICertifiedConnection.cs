using System.Security.Cryptography.X509Certificates;

namespace Rx.IotLink.Server;

/// <summary>A connection whose client may have presented a certificate.</summary>
internal interface ICertifiedConnection
{
    /// <summary>What the client presented in the handshake of TLS, or null.</summary>
    X509Certificate2? ClientCertificate { get; }
}
