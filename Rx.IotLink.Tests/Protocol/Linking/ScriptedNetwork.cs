using System.Reactive.Linq;
using Microsoft.Reactive.Testing;
using Rx.IotLink.Tests.Protocol.Driving;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Tests.Protocol.Linking;

/// <summary>A client on a virtual clock, and the attempts it makes to connect.</summary>
internal sealed class ScriptedNetwork : ITransport
{
    private readonly List<long> attempts = [];

    public TestScheduler Scheduler { get; } = new();

    /// <summary>Whether attempts are refused at once.</summary>
    public bool Refuses { get; set; }

    /// <summary>When each attempt was made.</summary>
    public IReadOnlyList<long> Attempts => attempts;

    /// <summary>The server's end of the connection that was made last.</summary>
    public ScriptedPeer Server { get; private set; } = null!;

    public IotLinkClient StartClient(TimeSpan timeout, FirstConnection firstConnection = FirstConnection.KeepTrying) => IotLinkClient.Start(new()
    {
        Host = "script",
        Id = ProtocolDriver.Id,
        Protocol = 1,
        Timeout = timeout,
        Transport = this,
        Scheduler = Scheduler,
        FirstConnection = firstConnection,
        BackOff = new() { Initial = TimeSpan.FromMilliseconds(1), Factor = 2, Cap = TimeSpan.FromMilliseconds(8), Jitter = 0 },
    });

    public IObservable<IConnection> Connect() => Observable.Create<IConnection>(observer =>
    {
        attempts.Add(Scheduler.Clock);
        if (Refuses)
        {
            observer.OnError(new IOException("refused by the script"));
            return () => { };
        }

        observer.OnNext(Server = new ScriptedPeer(() => Scheduler.Clock));
        observer.OnCompleted();
        return () => { };
    });
}
