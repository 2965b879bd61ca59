using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Rx.IotLink.Bench.Fleet.Server;

/// <summary>A certificate for one run.</summary>
internal static class Certificate
{
    public const string Subject = "CN=localhost";

    public static X509Certificate2 Make()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(Subject, key, HashAlgorithmName.SHA256);
        var now = TimeProvider.System.GetUtcNow();
        using var made = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), password: null);
    }
}
