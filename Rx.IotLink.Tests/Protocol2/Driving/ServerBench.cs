using System.Net;
using Microsoft.Reactive.Testing;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Protocol.Linking;

namespace Rx.IotLink.Tests.Protocol2.Driving;

/// <summary>A real server on a virtual clock, and clients that a test plays byte by byte.</summary>
internal sealed class ServerBench : IDisposable
{
    public ServerBench(Func<IotLinkServerOptions, IotLinkServerOptions>? change = null)
    {
        var options = new IotLinkServerOptions { Listen = false, Scheduler = Scheduler, Seed = 5 };
        Server = new IotLinkServer(change?.Invoke(options) ?? options);
    }

    public TestScheduler Scheduler { get; } = new();

    public IotLinkServer Server { get; }

    public static string Opening(string epoch, int connection = 1, string id = "pump-1", string more = "") =>
        $"IOTLINK/2 id={id} conn={connection} epoch={epoch} tx=1 window=64 max=4000{more}";

    public ScriptedPeer Connect(string? opening = null, string? from = null)
    {
        var peer = new ScriptedPeer(() => Scheduler.Clock) { RemoteEndPoint = from is null ? null : new IPEndPoint(IPAddress.Parse(from), 4_711) };
        _ = Server.ServeAsync(peer);
        if (opening is not null)
            peer.Say(opening + "\n");
        Run(TimeSpan.FromMilliseconds(1));
        return peer;
    }

    /// <summary>A client that knows a key says its opening and proves itself.</summary>
    public ScriptedPeer Prove(string opening, byte[] key)
    {
        var peer = Connect(opening);
        peer.Say(ProofFor(opening, peer.Take()[0], key) + "\n");
        Run(TimeSpan.FromMilliseconds(1));
        return peer;
    }

    public static string ProofFor(string opening, string challenge, byte[] key)
    {
        var signed = IotLink.Protocol.Version2.Tokens.Parse(challenge).LineWithout("mac");
        return $"IOTLINK/2 proof mac={IotLink.Protocol.Version2.Proof.Hex(IotLink.Protocol.Version2.Proof.OfClient(key, opening, signed))}";
    }

    public void Run(TimeSpan time) => Scheduler.AdvanceBy(time.Ticks);

    public void Dispose()
    {
        using var now = new CancellationTokenSource();
        now.Cancel();
        _ = Server.StopAsync(now.Token);
    }
}
