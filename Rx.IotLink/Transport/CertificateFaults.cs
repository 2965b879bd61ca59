using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Rx.IotLink.Transport;

/// <summary>Describes the faults of a certificate, for people.</summary>
internal static class CertificateFaults
{
    private const X509ChainStatusFlags Unknown = X509ChainStatusFlags.PartialChain | X509ChainStatusFlags.UntrustedRoot;

    /// <summary>The certificate and its faults, as the rest of a sentence.</summary>
    /// <param name="certificate">The certificate of the peer.</param>
    /// <param name="chain">Its chain, as far as it could be built.</param>
    /// <param name="errors">The errors that TLS found.</param>
    /// <param name="host">The expected name, or null.</param>
    public static string Explain(X509Certificate certificate, X509Chain? chain, SslPolicyErrors errors, string? host)
    {
        var faults = new List<string>();
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch))
            faults.Add($"it is not for '{host}'");
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors))
            faults.AddRange(OfChain(certificate, chain));
        return $"certificate '{certificate.Subject}' was refused: {(faults.Count > 0 ? string.Join("; ", faults.Distinct(StringComparer.Ordinal)) : "by the application's own check")}";
    }

    private static IEnumerable<string> OfChain(X509Certificate certificate, X509Chain? chain)
    {
        foreach (var element in chain?.ChainElements.ToArray() ?? [])
        {
            foreach (var status in element.ChainElementStatus)
                yield return Describe(element.Certificate, status, isPeer: element.Certificate.Equals(certificate));
        }

        if (chain is null || chain.ChainElements.All(e => e.ChainElementStatus.Length == 0))
            yield return "its chain cannot be built";
    }

    private static string Describe(X509Certificate2 certificate, X509ChainStatus status, bool isPeer)
    {
        var name = isPeer ? "it" : $"'{certificate.Subject}'";
        return (status.Status & Unknown) != X509ChainStatusFlags.NoError ? $"its issuer '{certificate.Issuer}' is not trusted here"
            : status.Status.HasFlag(X509ChainStatusFlags.NotTimeValid) ? $"{name} is valid only from {certificate.NotBefore:yyyy-MM-dd} to {certificate.NotAfter:yyyy-MM-dd}"
            : $"{name}: {status.StatusInformation.Trim()}";
    }
}
