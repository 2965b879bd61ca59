using System.Globalization;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Rx.IotLink.Cli;

/// <summary>What a server's TLS is made of, all read at one time.</summary>
/// <param name="Certificate">The server's certificate.</param>
/// <param name="Context">The same with those between it and its authority, as it is presented.</param>
/// <param name="Clients">How the certificates of clients are checked, or null: none is asked for.</param>
internal sealed record ServerTls(X509Certificate2 Certificate, SslStreamCertificateContext Context, X509ChainPolicy? Clients)
{
    /// <summary>Why no client would take the certificate at this time, as the rest of a sentence, or null.</summary>
    public string? Fault(DateTimeOffset now)
    {
        if (now.UtcDateTime > Certificate.NotAfter.ToUniversalTime())
            return $"expired at {Time(Certificate.NotAfter)}";
        return now.UtcDateTime < Certificate.NotBefore.ToUniversalTime() ? $"is not valid before {Time(Certificate.NotBefore)}" : null;
    }

    /// <summary>For people.</summary>
    public override string ToString() => $"'{Certificate.Subject}', valid until {Time(Certificate.NotAfter)}";

    private static string Time(DateTime local) => local.ToUniversalTime().ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
