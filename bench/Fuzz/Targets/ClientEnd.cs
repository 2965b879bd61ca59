using System.Reactive.Concurrency;
using System.Reactive.Linq;
using Rx.IotLink;
using Rx.IotLink.Transport;

namespace Fuzz.Targets;

/// <summary>
/// A whole client on a virtual clock, whose server is the attacker: it never fails, and says no more than it must.
/// </summary>
#pragma warning disable CA1001 // What it owns is ended on the virtual clock, by the last part of an attack.
internal sealed class ClientEnd : IEnd, ITransport
#pragma warning restore CA1001
{
    private const byte HasKey = 1;
    private const byte SpeaksOnly1 = 2;
    private const byte SpeaksOnly2 = 4;
    private const byte ReadsNothing = 8;

    private readonly HistoricalScheduler clock = new();
    private readonly Budget budget = new();
    private readonly IotLinkClient client;
    private readonly byte setting;
    private BrokenPromiseException? broken;
    private MemoryConnection? connection;
    private long said;

    private ClientEnd(byte setting)
    {
        this.setting = setting;
        client = IotLinkClient.Start(new IotLinkClientOptions
        {
            Host = "attacker",
            Id = "pump-1",
            Transport = this,
            Scheduler = clock,
            Seed = 1,
            InboxLines = 8,
            MaxLineBytes = 200,
            Key = Is(HasKey) ? Chance.Key : (ReadOnlyMemory<byte>?)null,
            Protocol = Is(HasKey) ? null : Is(SpeaksOnly1) ? 1 : Is(SpeaksOnly2) ? 2 : null,
        });
        client.State.Subscribe(state =>
        {
            try
            {
                Outages.Check(state);
            }
            catch (BrokenPromiseException exception)
            {
                broken ??= exception;
            }
        });
        if (!Is(ReadsNothing))
            client.Lines.Subscribe();
    }

    public static void Attack(byte[] input)
    {
        var end = new ClientEnd(Script.SettingOf(input));
        end.Advance(TimeSpan.FromMilliseconds(1));
        Script.Play(input, end);
        end.connection?.Break();
        var closed = end.client.CloseAsync(new CancellationToken(canceled: true));
        end.Advance(TimeSpan.FromSeconds(10));
        Waiting.For(closed, "the client did not close");
        end.Check();
    }

    public IObservable<IConnection> Connect() => Observable.Defer(() =>
    {
        budget.Began();
        connection = new MemoryConnection(null, bytes => said += bytes.Length);
        return Observable.Return<IConnection>(connection, ImmediateScheduler.Instance);
    });

    public void Receive(ReadOnlySpan<byte> piece)
    {
        budget.Received(piece.Length);
        connection?.Give(piece);
        Check();
    }

    public void Do(byte deed)
    {
        switch (deed)
        {
            case Script.Pause:
                Advance(TimeSpan.FromMilliseconds(200));
                break;
            case Script.LongPause:
                Advance(TimeSpan.FromSeconds(2));
                break;
            case Script.Break:
                connection?.Break();
                // Long enough for its next attempt, unless the server asked it to wait longer.
                Advance(TimeSpan.FromSeconds(10));
                break;
            case Script.Write or Script.WriteBestEffort when client.Counters.Outbox < 32:
                budget.Wrote("hello".Length);
                _ = client.WriteAsync("hello", deed == Script.Write ? Delivery.ExactlyOnce : Delivery.BestEffort);
                break;
        }

        Check();
    }

    private void Advance(TimeSpan by)
    {
        for (var passed = TimeSpan.Zero; passed < by; passed += TimeSpan.FromMilliseconds(500))
            budget.Began();
        clock.AdvanceBy(by);
    }

    private void Check()
    {
        if (broken is not null)
            throw broken;
        budget.Check(said);
    }

    private bool Is(byte bit) => (setting & bit) != 0;
}
