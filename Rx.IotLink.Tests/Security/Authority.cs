using System.Reactive.Concurrency;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Rx.IotLink.Tests.Security;

/// <summary>A certificate authority of a test's own, and what it issues.</summary>
internal sealed class Authority : IDisposable
{
    private const string ServerUse = "1.3.6.1.5.5.7.3.1";
    private const string ClientUse = "1.3.6.1.5.5.7.3.2";

    private readonly List<X509Certificate2> issued = [];

    public Authority(string name = "test authority")
        : this(name, issuer: null)
    {
    }

    private Authority(string name, X509Certificate2? issuer)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        if (issuer is null)
        {
            Certificate = request.CreateSelfSigned(Now.AddYears(-3), Now.AddYears(3));
            return;
        }

        using var bare = request.Create(issuer, Now.AddYears(-3).AddDays(1), Now.AddYears(3).AddDays(-1), RandomNumberGenerator.GetBytes(8));
        Certificate = bare.CopyWithPrivateKey(key);
    }

    public X509Certificate2 Certificate { get; }

    private static DateTimeOffset Now => DefaultScheduler.Instance.Now;

    /// <summary>For 127.0.0.1, unless for another name.</summary>
    public X509Certificate2 IssueServer(string name = "server", string? host = null, bool expired = false)
    {
        var names = new SubjectAlternativeNameBuilder();
        if (host is null)
            names.AddIpAddress(System.Net.IPAddress.Loopback);
        else
            names.AddDnsName(host);
        return Issue(name, ServerUse, expired, names.Build());
    }

    /// <summary>An authority that this one vouches for.</summary>
    public Authority IssueAuthority(string name) => new(name, Certificate);

    public X509Certificate2 IssueClient(string name = "pump-1", bool expired = false, Action<SubjectAlternativeNameBuilder>? alternatives = null, TimeSpan? goodFor = null)
    {
        var names = new SubjectAlternativeNameBuilder();
        alternatives?.Invoke(names);
        return Issue(name, ClientUse, expired, alternatives is null ? null : names.Build(), goodFor);
    }

    /// <summary>Trust in this authority alone.</summary>
    public X509ChainPolicy Policy()
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.Add(Certificate);
        return policy;
    }

    public void Dispose()
    {
        foreach (var certificate in issued)
            certificate.Dispose();
        Certificate.Dispose();
    }

    private X509Certificate2 Issue(string name, string use, bool expired, X509Extension? names = null, TimeSpan? goodFor = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: false, hasPathLengthConstraint: false, 0, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(use)], critical: false));
        if (names is not null)
            request.CertificateExtensions.Add(names);
        using var bare = request.Create(Certificate, Now.AddYears(-2), expired ? Now.AddYears(-1) : goodFor is { } time ? Now + time : Now.AddYears(2), RandomNumberGenerator.GetBytes(8));
        using var keyed = bare.CopyWithPrivateKey(key);
        // By way of PFX, or Windows would not use the key.
        var certificate = X509CertificateLoader.LoadPkcs12(keyed.Export(X509ContentType.Pkcs12), password: null, X509KeyStorageFlags.Exportable);
        issued.Add(certificate);
        return certificate;
    }
}
