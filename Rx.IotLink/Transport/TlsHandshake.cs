using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace Rx.IotLink.Transport;

/// <summary>TLS over a stream, with errors that describe the fault of a certificate.</summary>
internal static class TlsHandshake
{
    /// <summary>Makes the handshake of a client. It owns the stream from here on.</summary>
    /// <exception cref="IOException">The handshake failed; the message says why.</exception>
    public static async Task<SslStream> AsClientAsync(Stream stream, string host, int port, SslClientAuthenticationOptions options, CancellationToken cancellationToken)
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
            throw new IOException($"TLS with {host}:{port} failed: {(fault.Length > 0 ? fault : exception.GetBaseException().Message)}", exception);
        }
        catch (IOException exception)
        {
            await ssl.DisposeAsync().ConfigureAwait(false);
            throw new IOException($"TLS with {host}:{port} failed: the server ended the handshake ({exception.GetBaseException().Message})", exception);
        }
        catch
        {
            await ssl.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>A copy with a check of its own: the application's options stay unchanged.</summary>
    internal static SslClientAuthenticationOptions Copy(SslClientAuthenticationOptions options, string host, RemoteCertificateValidationCallback validate)
    {
        var copy = new SslClientAuthenticationOptions
        {
            TargetHost = options.TargetHost ?? host,
            RemoteCertificateValidationCallback = validate,
            ClientCertificates = options.ClientCertificates,
            ClientCertificateContext = options.ClientCertificateContext,
            LocalCertificateSelectionCallback = options.LocalCertificateSelectionCallback,
            // A handshake adds what the server presented to the one it is given.
            CertificateChainPolicy = options.CertificateChainPolicy?.Clone(),
            CertificateRevocationCheckMode = options.CertificateRevocationCheckMode,
            EnabledSslProtocols = options.EnabledSslProtocols,
            EncryptionPolicy = options.EncryptionPolicy,
            CipherSuitesPolicy = options.CipherSuitesPolicy,
            AllowRenegotiation = options.AllowRenegotiation,
            AllowTlsResume = options.AllowTlsResume,
            ApplicationProtocols = options.ApplicationProtocols,
        };
        if (OperatingSystem.IsLinux() || OperatingSystem.IsWindows())
        {
            copy.AllowRsaPkcs1Padding = options.AllowRsaPkcs1Padding;
            copy.AllowRsaPssPadding = options.AllowRsaPssPadding;
        }

        return copy;
    }

    private static string Explain(X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors, string host) =>
        certificate is null ? "the server presented no certificate" : $"the server's {CertificateFaults.Explain(certificate, chain, errors, host)}";
}
