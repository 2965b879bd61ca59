using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Throughput.Links;

/// <summary>A certificate that this process has made, and a client that trusts it.</summary>
internal static class Certificates
{
    public static X509Certificate2 Make()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var begin = new DateTimeOffset(2020, 1, 1, 0, 0, 0, TimeSpan.Zero);
        using var made = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256).CreateSelfSigned(begin, begin.AddYears(30));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), password: null);
    }

#pragma warning disable CA5359 // This process has just made the certificate; the cost of encryption is measured.
    public static SslClientAuthenticationOptions Trusting() => new() { TargetHost = "localhost", RemoteCertificateValidationCallback = static (_, _, _, _) => true };
#pragma warning restore CA5359
}
