using System.Buffers;
using System.Net.Security;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Server;

/// <summary>
/// Handles the TLS handshakes of connections, before they reach the <see cref="Admission"/>. Kestrel silently drops a
/// connection whose handshake fails. Here it is refused like any other: limited, counted, logged and reported.
/// </summary>
/// <param name="admission">Takes the connections; its limits apply from the start.</param>
/// <param name="options">How long a handshake may take.</param>
/// <param name="stopped">Ends the wait for handshakes.</param>
internal sealed class TlsAdmission(Admission admission, IotLinkServerOptions options, CancellationToken stopped)
{
    private readonly TimeSpan limit = options.OpeningLimit;

    // Kestrel does not pass the passage to the application's callbacks.
    private static readonly AsyncLocal<Passage?> Current = new();

    /// <summary>Puts this and Kestrel's handshake in front of an endpoint.</summary>
    public void Guard(ListenOptions endpoint, HttpsConnectionAdapterOptions tls)
    {
        endpoint.Use(handshake => connection => PassAsync(connection, handshake, tls));
        endpoint.UseHttps(Watched(tls, limit));
    }

    /// <summary>The handshake of a connection, if it made one, was good.</summary>
    public static void Passed(ConnectionContext connection) => connection.Features.Get<Passage>()?.End();

    private async Task PassAsync(ConnectionContext connection, ConnectionDelegate handshake, HttpsConnectionAdapterOptions tls)
    {
        var remote = SocketConnection.Plain(connection.RemoteEndPoint);
        var origin = Origin.Of(remote);
        // A connection that is refused here cannot get the reason: that would need a handshake.
        if (admission.CameTooFast(origin) is { } tooFast)
        {
            admission.Note(remote, "", tooFast);
            return;
        }

        RefusedException? turnedAway = null;
        var place = admission.BeginOpening(origin, why =>
        {
            Volatile.Write(ref turnedAway, why);
            connection.Abort(new ConnectionAbortedException(why.Message));
        });
        var passage = new Passage(place, tls.ClientCertificateMode == ClientCertificateMode.RequireCertificate);
        connection.Features.Set(passage);
        Current.Value = passage;
        var preface = new Preface(connection.Transport.Input, Shorter(tls.HandshakeTimeout, limit), options.Scheduler, stopped);
        RefusedException? failed = null;
        try
        {
            if (await preface.ReadAsync<string>("TLS handshake", Begin).ConfigureAwait(false) == ProxyHeader.Untrusted)
                throw new RefusedException(Refusal.ProxyHeader, ProxyHeader.Untrusted);
            await handshake(connection).ConfigureAwait(false);
        }
        catch (RefusedException refused)
        {
            failed = refused;
        }
        finally
        {
            if (passage.End())
                admission.Note(remote, "", Volatile.Read(ref turnedAway) ?? failed ?? passage.WhyRefused, preface.IsSilent);
        }
    }

    /// <summary>Looks at the first bytes, and takes none. Kestrel would not report whether any have come.</summary>
    private static string? Begin(ref ReadOnlySequence<byte> bytes) =>
        bytes.IsEmpty ? null : ProxyHeader.Begins(bytes) ? ProxyHeader.Untrusted : "";

    /// <summary>
    /// A copy that records the fault of a client's certificate, and the exceptions of the application's callbacks,
    /// which are not the client's fault. The application's options stay unchanged.
    /// </summary>
    internal static HttpsConnectionAdapterOptions Watched(HttpsConnectionAdapterOptions options, TimeSpan limit) => new()
    {
        ServerCertificate = options.ServerCertificate,
        ServerCertificateChain = options.ServerCertificateChain,
        ServerCertificateSelector = options.ServerCertificateSelector is { } select
            ? (connection, host) => Watch(nameof(options.ServerCertificateSelector), () => select(connection, host))
            : null,
        ClientCertificateMode = options.ClientCertificateMode,
        ClientCertificateValidation = (certificate, chain, errors) =>
        {
            var good = options.ClientCertificateValidation is { } validate
                ? Watch(nameof(options.ClientCertificateValidation), () => validate(certificate, chain, errors))
                : errors == SslPolicyErrors.None;
            if (!good && Current.Value is { } passage)
                passage.Fault = $"its {CertificateFaults.Explain(certificate, chain, errors, host: null)}";
            return good;
        },
        SslProtocols = options.SslProtocols,
        CheckCertificateRevocation = options.CheckCertificateRevocation,
        TlsClientHelloBytesCallback = options.TlsClientHelloBytesCallback is { } hear
            ? (connection, hello) => Watch(nameof(options.TlsClientHelloBytesCallback), () => Done(() => hear(connection, hello)))
            : null,
        // The time of an opening, unless the application sets less.
        HandshakeTimeout = Shorter(options.HandshakeTimeout, limit),
        OnAuthenticate = options.OnAuthenticate is { } authenticate
            ? (connection, ssl) => Watch(nameof(options.OnAuthenticate), () => Done(() => authenticate(connection, ssl)))
            : null,
    };

    private static TimeSpan Shorter(TimeSpan one, TimeSpan other) => one < other ? one : other;

    private static T Watch<T>(string name, Func<T> callback)
    {
        try
        {
            return callback();
        }
        catch (Exception exception)
        {
            if (Current.Value is { } passage)
                passage.Failed = new(Refusal.ServerFailed, $"{name} threw {exception.GetType().Name}: {exception.Message}", told: "", exception);
            throw;
        }
    }

    private static bool Done(Action callback)
    {
        callback();
        return true;
    }

    /// <summary>One connection during its handshake.</summary>
    private sealed class Passage(IDisposable place, bool asksForCertificate)
    {
        private int ended;

        public string Fault { get; set; } = $"the TLS handshake failed: it speaks no TLS, {(asksForCertificate ? "presented no client certificate, " : "")}or gave up";

        /// <summary>The exception of a callback of the application.</summary>
        public RefusedException? Failed { get; set; }

        public RefusedException WhyRefused => Failed ?? new RefusedException(Refusal.Tls, Fault);

        /// <summary>Whether the handshake was still in progress.</summary>
        public bool End()
        {
            if (Interlocked.Exchange(ref ended, 1) != 0)
                return false;
            place.Dispose();
            return true;
        }
    }
}
