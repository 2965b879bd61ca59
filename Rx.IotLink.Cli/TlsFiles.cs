using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Rx.IotLink.Cli;

/// <summary>The TLS options of both commands: whether, whom to trust, and this end's own certificate.</summary>
/// <param name="On">Whether TLS is spoken.</param>
/// <param name="Ca">The file of the certificate authorities that are trusted, or null.</param>
/// <param name="Cert">The file of this end's certificate, or null.</param>
/// <param name="CertKey">The file of its private key, or null: it is in the same one.</param>
internal sealed record TlsFiles(bool On, string? Ca, string? Cert, string? CertKey)
{
    private const string ServerUse = "1.3.6.1.5.5.7.3.1";

    /// <summary>What a client needs, or null: no TLS.</summary>
    /// <exception cref="UsageException">A file is wrong, or an option of no use.</exception>
    public SslClientAuthenticationOptions? ForClient(Output output)
    {
        if (!IsOn())
            return null;
        var own = LoadOwn(output);
        return new SslClientAuthenticationOptions
        {
            CertificateChainPolicy = LoadPolicy(),
            ClientCertificateContext = own is null ? null : SslStreamCertificateContext.Create(own.Value.Certificate, own.Value.Chain, offline: true),
        };
    }

    /// <summary>What a server needs, as the files have it now, or null: no TLS.</summary>
    /// <exception cref="UsageException">A file is wrong or missing, or an option of no use.</exception>
    public ServerTls? ForServer(Output output)
    {
        if (!IsOn())
            return null;
        var (certificate, chain) = LoadOwn(output) ?? throw new UsageException("--tls needs the server's certificate: give it with --cert FILE.");
        if (certificate.Extensions.OfType<X509EnhancedKeyUsageExtension>().FirstOrDefault() is { } uses && !uses.EnhancedKeyUsages.Cast<Oid>().Any(use => use.Value == ServerUse))
            throw new UsageException($"--cert: {Cert} holds a certificate that is not for a server: its extended key usage does not say so.");
        var context = PrivateFile.Read("--cert", Cert!, () => SslStreamCertificateContext.Create(certificate, chain, offline: true));
        return new(certificate, context, LoadPolicy());
    }

    private bool IsOn()
    {
        if (CertKey is not null && Cert is null)
            throw new UsageException("--cert-key is of no use without --cert.");
        if (!On && (Ca ?? Cert) is not null)
            throw new UsageException($"{(Ca is null ? "--cert" : "--ca")} is of no use without --tls.");
        return On;
    }

    /// <summary>Trust in these authorities alone; null: in those of the system.</summary>
    private X509ChainPolicy? LoadPolicy()
    {
        if (Ca is null)
            return null;
        // Certificates of private authorities rarely say where revocations are published.
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(PrivateFile.Read("--ca", Ca, () => LoadPem(Ca)));
        return policy.CustomTrustStore.Count > 0 ? policy : throw new UsageException($"--ca: {Ca} holds no certificate in PEM.");
    }

    private (X509Certificate2 Certificate, X509Certificate2Collection Chain)? LoadOwn(Output output)
    {
        if (Cert is null)
            return null;
        PrivateFile.WarnIfReadable(CertKey ?? Cert, output);
        var isPem = PrivateFile.Read("--cert", Cert, () => X509Certificate2.GetCertContentType(File.ReadAllBytes(Cert))) != X509ContentType.Pkcs12;
        var all = PrivateFile.Read("--cert", Cert, () => isPem ? LoadPem(Cert) : X509CertificateLoader.LoadPkcs12CollectionFromFile(Cert, password: null));
        var own = isPem ? LoadPemWithKey(Cert) : all.FirstOrDefault(c => c.HasPrivateKey);
        return own is null
            ? throw new UsageException($"--cert: {Cert} holds no certificate with its private key.")
            : (own, [.. all.Where(c => !c.RawDataMemory.Span.SequenceEqual(own.RawDataMemory.Span))]);
    }

    private X509Certificate2 LoadPemWithKey(string path)
    {
        var pem = PrivateFile.Read(CertKey is null ? "--cert" : "--cert-key", CertKey ?? path, () => X509Certificate2.CreateFromPemFile(path, CertKey));
        if (!OperatingSystem.IsWindows())
            return pem;

        // Windows has no use for a key that is in no store.
        using (pem)
            return X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), password: null);
    }

    private static X509Certificate2Collection LoadPem(string path)
    {
        var all = new X509Certificate2Collection();
        all.ImportFromPemFile(path);
        return all;
    }
}
