using System.Buffers;
using System.Net;
using System.Reactive.Concurrency;
using System.Text;
using Rx.IotLink;
using Rx.IotLink.Server;

namespace Fuzz.Targets;

/// <summary>
/// A whole server on a virtual clock, and one connection after another from strangers: none may harm it, and after all
/// of them an honest device is let in.
/// </summary>
#pragma warning disable CA1001 // What it owns is ended on the virtual clock, by the last part of an attack.
internal sealed class ServerEnd : IEnd
#pragma warning restore CA1001
{
    private const byte HasKeys = 1;
    private const byte SpeaksOnly1 = 2;
    private const byte SpeaksOnly2 = 4;
    private const byte RefusesUnknown = 8;
    private const byte ReadsNothing = 16;
    private const byte SpeaksBothWithKeys = 32;

    private const string Id = "pump-1";
    private const string Opening = "IOTLINK/2 id=honest conn=1 epoch=1 tx=1 window=1 max=1";

    private static readonly IPEndPoint Stranger = new(IPAddress.Parse("192.0.2.1"), 40_000);
    private static readonly IPEndPoint Device = new(IPAddress.Parse("192.0.2.2"), 40_000);

    private readonly HistoricalScheduler clock = new();
    private readonly Budget budget = new();
    private readonly IotLinkServer server;
    private readonly List<Task> served = [];
    private readonly List<IDisposable> subscriptions = [];
    private readonly List<string> told = [];
    private readonly byte setting;
    private BrokenPromiseException? broken;
    private MemoryConnection connection;
    private long said;

    private ServerEnd(byte setting)
    {
        this.setting = setting;
        server = new IotLinkServer(new IotLinkServerOptions
        {
            Listen = false,
            Scheduler = clock,
            Seed = 1,
            InboxLines = 8,
            MaxLineBytes = 200,
            MaxUnknownIds = 4,
            Expected = [Id, "honest", "qos"],
            KeyOf = Is(HasKeys) ? id => id is Id or "honest" ? Chance.Key : (ReadOnlyMemory<byte>?)null : null,
            UnknownIds = Is(RefusesUnknown) ? UnknownIdPolicy.Refuse : UnknownIdPolicy.Accept,
            Protocol2 = Is(HasKeys) || !Is(SpeaksOnly1),
            Protocol1 = Is(HasKeys) ? Is(SpeaksBothWithKeys) : Is(SpeaksOnly1) || !Is(SpeaksOnly2),
        });
        subscriptions.Add(server.Links.Subscribe(Watch));
        connection = Connect(Stranger, Count);
    }

    public static void Attack(byte[] input)
    {
        var end = new ServerEnd(Script.SettingOf(input));
        Script.Play(input, end);
        end.Finish();
    }

    public void Receive(ReadOnlySpan<byte> piece)
    {
        budget.Received(piece.Length);
        connection.Give(piece);
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
                connection.Break();
                connection = Connect(Stranger, Count);
                break;
            case Script.Write or Script.WriteBestEffort when server.Find(Id) is { Counters.Outbox: < 32 } link:
                budget.Wrote("hello".Length);
                _ = link.WriteAsync("hello", deed == Script.Write ? Delivery.ExactlyOnce : Delivery.BestEffort);
                break;
        }

        Check();
    }

    private void Finish()
    {
        connection.Break();
        Advance(TimeSpan.FromSeconds(10));
        // The stranger's memory of the honest device may be anything; its answer is one all the same.
        var answer = new StringBuilder();
        var honest = Connect(Device, bytes => answer.Append(Encoding.UTF8.GetString(bytes)));
        honest.Give(Encoding.UTF8.GetBytes(server.Counters is { } && Is(SpeaksOnly1) && !Is(HasKeys) ? "honest\n" : $"{Opening}{(Is(HasKeys) ? $" auth=hmac-sha256 nonce={new string('0', 32)}" : "")}\n"));
        Advance(TimeSpan.FromMilliseconds(10));
        var expected = Is(HasKeys) ? "IOTLINK/2 prove " : Is(SpeaksOnly1) ? "\n" : "IOTLINK/2 ok ";
        if (!answer.ToString().StartsWith(expected, StringComparison.Ordinal))
            throw new BrokenPromiseException($"an honest device was answered '{answer}'");
        honest.Break();
        var stopped = server.StopAsync(new CancellationToken(canceled: true));
        Advance(TimeSpan.FromSeconds(10));
        Waiting.For(stopped, "the server did not stop");
        foreach (var task in served)
            Waiting.For(task, "a connection was not served to its end");

        Check();
        foreach (var subscription in subscriptions)
            subscription.Dispose();
    }

    private void Watch(ILink link)
    {
        subscriptions.Add(link.State.Subscribe(state =>
        {
            try
            {
                Outages.Check(state);
            }
            catch (BrokenPromiseException exception)
            {
                broken ??= exception;
            }
        }));
        subscriptions.Add(link.Notices.Subscribe(notice => told.Add(notice.Detail)));
        if (!Is(ReadsNothing))
            subscriptions.Add(link.Lines.Subscribe());
    }

    private MemoryConnection Connect(EndPoint from, Action<ReadOnlySequence<byte>> hear)
    {
        budget.Began();
        var made = new MemoryConnection(from, hear);
        served.Add(server.ServeAsync(made));
        return made;
    }

    private void Count(ReadOnlySequence<byte> bytes) => said += bytes.Length;

    private void Advance(TimeSpan by)
    {
        // A keepalive, and what is sent again, for each quarter of a timeout that has passed.
        for (var passed = TimeSpan.Zero; passed < by; passed += TimeSpan.FromMilliseconds(500))
            budget.Began();
        clock.AdvanceBy(by);
    }

    private void Check()
    {
        if (broken is not null)
            throw broken;
        var counters = server.Counters;
        if (counters.Refused[Refusal.ServerFailed] + counters.Refused[Refusal.StoreFailed] > 0)
            throw new BrokenPromiseException("the server failed at what a stranger said");
        if (counters.Links > 4 + 3)
            throw new BrokenPromiseException($"{counters.Links} links were made");
        budget.Check(said);
    }

    private bool Is(byte bit) => (setting & bit) != 0;
}
