using System.Globalization;
using System.Net;
using System.Reactive.Linq;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Rx.IotLink.Bench.Fleet.Control;
using Rx.IotLink.Server;

namespace Rx.IotLink.Bench.Fleet.Server;

/// <summary>Our server, with one observer on each link, which checks that each line is the next of its link.</summary>
internal sealed class LinkServer : IServer
{
    private readonly IotLinkServer server;
    private long lines;
    private long wrong;
    private long outages;

    private LinkServer(IotLinkServer server) => this.server = server;

    public int Port => server.EndPoint.Port;

    /// <summary>The server itself.</summary>
    public IotLinkServer Fleet => server;

    public ServerSample Sample
    {
        get
        {
            var counters = server.Counters;
            return new()
            {
                Connections = counters.Connections,
                Accepted = counters.ConnectionsAccepted,
                Refused = counters.Refused.Values.Sum(),
                Lines = Interlocked.Read(ref lines),
                Wrong = Interlocked.Read(ref wrong),
                Outages = Interlocked.Read(ref outages),
            };
        }
    }

    public static async Task<LinkServer> StartAsync(TimeSpan timeout, bool tls, ISessionStore? store)
    {
        var made = new LinkServer(await IotLinkServer.StartAsync(new()
        {
            Port = 0,
            Bind = IPAddress.Loopback,
            Timeout = timeout,
            MaxUnknownIds = 1_000_000,
            // All of a fleet may come at once.
            MaxOpenings = 100_000,
            OpeningTimeout = TimeSpan.FromMinutes(1),
            Tls = tls ? new HttpsConnectionAdapterOptions { ServerCertificate = Certificate.Make() } : null,
            SessionStore = store,
        }).ConfigureAwait(false));
        made.server.Links.Subscribe(link => link.Lines.Subscribe(new Checker(made)));
        made.server.Changes.Where(c => c.Kind == LinkChangeKind.Down).Subscribe(_ => Interlocked.Increment(ref made.outages));
        return made;
    }

    public void Beat(double perSecond)
    {
    }

    /// <summary>An application that counts.</summary>
    private sealed class Checker(LinkServer server) : IObserver<string>
    {
        private long last;

        public void OnNext(string value)
        {
            if (long.Parse(value, CultureInfo.InvariantCulture) != ++last)
                Interlocked.Increment(ref server.wrong);
            Interlocked.Increment(ref server.lines);
        }

        public void OnError(Exception error) => Interlocked.Increment(ref server.wrong);

        public void OnCompleted()
        {
        }
    }
}
