using Rx.IotLink.Transport;

namespace Rx.IotLink.Server;

/// <summary>From its arrival to its end: the visit of a connection.</summary>
internal sealed partial class Admission
{
    /// <summary>Serves a connection. The task completes when it has ended, and never fails.</summary>
    public Task ReceiveAsync(IConnection connection)
    {
        var visit = new AwaitedVisit(this, connection);
        _ = ReceiveAsync(visit);
        return visit.Ended;
    }

    /// <summary>
    /// Serves a connection of a socket of our own, whose end nobody awaits: while it is served, no task is kept for it.
    /// </summary>
    public void Admit(SocketConnection connection) => _ = ReceiveAsync(new Visit(this, connection));

    private async Task ReceiveAsync(Visit visit)
    {
        ServedConnection? served;
        try
        {
            // While it is served, nothing of its opening is kept.
            served = await LetInAsync(visit).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // It belongs to the application, perhaps, and any call of it may throw.
            served = null;
        }

        if (served is null)
            visit.End();
        else
            visit.Begin(served);
    }

    private void Leave(DeviceRegistry.Member member) => registry.Leave(member);

    private CertificateExpiry? WatchCertificate(IConnection connection, DeviceRegistry.Member member, ServedConnection served) =>
        CertificateExpiry.Watch(options, clock, (connection as ICertifiedConnection)?.ClientCertificate, member.Link, served);

    /// <summary>A connection, and the device that it is of, once that is known.</summary>
    private class Visit(Admission admission, IConnection connection) : IVisit
    {
        public IConnection Connection { get; } = connection;

        public DeviceRegistry.Member? Member { get; set; }

        protected Admission Admission { get; } = admission;

        /// <summary>It is served from now on.</summary>
        public virtual void Begin(ServedConnection served) => served.WhenFinished(this);

        public void Finished()
        {
            Admission.Leave(Member!);
            End();
        }

        /// <summary>Releases the connection. Called once.</summary>
        public virtual void End()
        {
            _ = TryDispose(Connection);
            Interlocked.Decrement(ref Admission.connections);
            (Connection as SocketConnection)?.Served();
        }
    }

    private static bool TryDispose(IConnection connection)
    {
        try
        {
            connection.Dispose();
            return true;
        }
        catch (Exception)
        {
            // A connection may belong to the application, and any call of it may throw: one that was reset throws when
            // it is ended. Nothing is left to do for it.
            return false;
        }
    }

    /// <summary>The visit of a connection that came in another way: somebody awaits its end.</summary>
    private sealed class AwaitedVisit(Admission admission, IConnection connection) : Visit(admission, connection)
    {
        private readonly TaskCompletionSource ended = new();
        private CertificateExpiry? expiry;

        public Task Ended => ended.Task;

        public override void Begin(ServedConnection served)
        {
            try
            {
                // Sockets of our own have no certificate: those over TLS come from Kestrel, which awaits their end.
                expiry = Admission.WatchCertificate(Connection, Member!, served);
            }
            catch (Exception)
            {
                // A certificate of the application that cannot be read: nobody would know when it expires.
                Finished();
                return;
            }

            base.Begin(served);
        }

        public override void End()
        {
            expiry?.Dispose();
            base.End();
            ended.SetResult();
        }
    }
}
