using System.Reactive.Disposables;
using Microsoft.Reactive.Testing;
using Rx.IotLink.Tests.Simulation;

namespace Rx.IotLink.Tests.Operators;

/// <summary>
/// Both ends of a link that is up, between a real client and a real server in virtual time, with outages at will.
/// </summary>
internal sealed class LinkPair : IDisposable
{
    private readonly SimulatedLink link;
    private IDisposable refusal = Disposable.Empty;

    public LinkPair(TestScheduler scheduler, int maxLineBytes = 4_000)
    {
        link = SimulatedLink.Start(
            scheduler: scheduler,
            client: options => options with { MaxLineBytes = maxLineBytes, BackOff = new() { Initial = TimeSpan.FromSeconds(1), Factor = 1, Jitter = 0 } },
            server: options => options with { MaxLineBytes = maxLineBytes });
        Advance(TimeSpan.FromSeconds(1));
    }

    public ILink Device => link.Client;

    public ILink Server => link.ServerEnd;

    public void Advance(TimeSpan time) => link.Run(time);

    /// <summary>Breaks the connection, and lets none be made until <see cref="ComeUp"/>.</summary>
    public void GoDown()
    {
        refusal = link.Path.Refuse();
        link.Path.Kill(reset: true);
    }

    /// <summary>Connections can be made again; the client makes one when its pause is over.</summary>
    public void ComeUp() => refusal.Dispose();

    public void CloseServer() => ((Link)Server).Close();

    public void Dispose() => link.Dispose();
}
