using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace Rx.IotLink.Transport;

/// <summary>TLS over a stream, with errors that say what is wrong with a certificate.</summary>
internal static class TlsHandshake
{
    /// <summary>Makes the handshake of a client. The stream is owned from here on.</summary>
    /// <exception cref="IOException">The handshake failed; the message says why.</exception>
    public static async Task<Stream> AsClientAsync(Stream stream, string host, SslClientAuthenticationOptions options, CancellationToken cancellationToken)
    {
        var fault = "";
        var checkedOptions = Copy(options, host, (sender, certificate, chain, errors) =>
        {
            var good = options.RemoteCertificateValidationCallback?.Invoke(sender, certificate, chain, errors) ?? errors == SslPolicyErrors.None;
            fault = good ? "" : Explain(certificate, chain, errors, options.TargetHost ?? host);
            return good;
        });
        var ssl = new SslStream(stream, leaveInnerStreamOpen: false);
        try
        {
            await ssl.AuthenticateAsClientAsync(checkedOptions, cancellationToken).ConfigureAwait(false);
            return ssl;
        }
        catch (AuthenticationException exception)
        {
            await ssl.DisposeAsync().ConfigureAwait(false);
            throw new IOException($"TLS with {host} failed: {(fault.Length > 0 ? fault : exception.Message)}", exception);
        }
        catch
        {
            await ssl.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static SslClientAuthenticationOptions Copy(SslClientAuthenticationOptions options, string host, RemoteCertificateValidationCallback validate) => new()
    {
        TargetHost = options.TargetHost ?? host,
        RemoteCertificateValidationCallback = validate,
        ClientCertificates = options.ClientCertificates,
        ClientCertificateContext = options.ClientCertificateContext,
        LocalCertificateSelectionCallback = options.LocalCertificateSelectionCallback,
        CertificateChainPolicy = options.CertificateChainPolicy,
        CertificateRevocationCheckMode = options.CertificateRevocationCheckMode,
        EnabledSslProtocols = options.EnabledSslProtocols,
        EncryptionPolicy = options.EncryptionPolicy,
        CipherSuitesPolicy = options.CipherSuitesPolicy,
        AllowRenegotiation = options.AllowRenegotiation,
        AllowTlsResume = options.AllowTlsResume,
        ApplicationProtocols = options.ApplicationProtocols,
    };

    private static string Explain(X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors, string host)
    {
        if (certificate is null || errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable))
            return "the server presented no certificate";
        var faults = new List<string>();
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch))
            faults.Add($"it is not for '{host}'");
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors))
            faults.AddRange(chain?.ChainStatus.Select(s => s.StatusInformation.Trim()) ?? ["its chain cannot be built"]);
        return $"the server's certificate '{certificate.Subject}' was refused: {(faults.Count > 0 ? string.Join("; ", faults.Distinct(StringComparer.Ordinal)) : "by the validation callback")}";
    }
}
