using System.Security.Cryptography.X509Certificates;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Time;

namespace Rx.IotLink.Server;

/// <summary>
/// Ends a connection when the certificate of its client expires: after the handshake nothing else checks it. Ends
/// nothing once it is disposed.
/// </summary>
internal sealed class CertificateExpiry : IDisposable
{
    /// <summary>How often it checks, since clocks may be set, and no timer of the system waits for years.</summary>
    private static readonly TimeSpan MaxWait = TimeSpan.FromHours(1);

    private readonly IotLinkServerOptions options;
    private readonly Deadlines clock;
    private readonly Link link;
    private readonly ServedConnection connection;
    private readonly DateTimeOffset expires;
    private readonly CallingAlarm alarm;

    private CertificateExpiry(IotLinkServerOptions options, Deadlines clock, DateTimeOffset expires, Link link, ServedConnection connection)
    {
        (this.options, this.clock, this.expires, this.link, this.connection) = (options, clock, expires, link, connection);
        alarm = new(clock, Look);
    }

    /// <summary>Watches over a connection that is being served. Null: its client presented no certificate.</summary>
    public static CertificateExpiry? Watch(
        IotLinkServerOptions options, Deadlines clock, X509Certificate2? certificate, Link link, ServedConnection connection)
    {
        if (certificate is null)
            return null;
        var watch = new CertificateExpiry(options, clock, new DateTimeOffset(certificate.NotAfter), link, connection);
        watch.Look();
        return watch;
    }

    public void Dispose() => alarm.Dispose();

    private void Look()
    {
        var left = expires - options.Scheduler.Now;
        if (left > TimeSpan.Zero)
            alarm.Set(clock.Now + (left < MaxWait ? left : MaxWait));
        else
            link.Dismiss(connection, Farewell.CertificateExpired, new Outage(OutageReason.CertificateExpired, $"the certificate that it has presented was good until {expires.UtcDateTime:u}"));
    }
}
