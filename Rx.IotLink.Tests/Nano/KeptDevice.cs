using System.Buffers;
using System.Globalization;
using System.Text;
using Rx.IotLink;
using Rx.IotLink.Nano;
using Rx.IotLink.Nano.Flash;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Engine;
using Rx.IotLink.Tests.Protocol.Driving;

namespace NanoTests;

/// <summary>
/// A device that keeps its outbox, without its threads, and our server's engine at the other end of a wire of no
/// length. It loses its power, and begins again.
/// </summary>
internal sealed class KeptDevice
{
    private static readonly LinkOptions Wide = new IotLinkServerOptions { Timeout = TimeSpan.FromSeconds(2), InboxLines = 1000, OutboxLines = 1000, MaxWaitingWrites = 1000, MaxLineBytes = 400 };

    private readonly NanoClientOptions options;
    private readonly List<byte> greeting = [];
    private readonly Silent connection = new();
    private EngineEnd server;
    private LinkCore core = null!;
    private bool isAdmitted;
    private int written;
    private int collected;
    private int seed;

    public KeptDevice(PowerCutFlash flash, int keepAfterMs = 1000)
    {
        Flash = flash;
        options = new NanoClientOptions { Id = EngineEnd.Id, Transport = new FakeTransport((_, _) => null), OutboxLines = 12, OutboxBytes = 600, MaxLineBytes = 80, Flash = flash, KeepAfterMs = keepAfterMs };
        options.OnNotice = Notices.Add;
        server = NewServer();
        Boot();
    }

    public PowerCutFlash Flash { get; }

    /// <summary>What the server's application was given, in its order.</summary>
    public List<int> Arrived { get; } = [];

    /// <summary>Lines that must arrive: they were reported as kept, or accepted.</summary>
    public HashSet<int> Promised { get; } = [];

    /// <summary>Lines that may be lost: the power went before anybody said that they are kept.</summary>
    public HashSet<int> MayBeLost { get; } = [];

    public int Restarts { get; private set; }

    public int Written => written;

    public int Outbox => core.Session.Outbox.Count;

    public int Kept => core.Options.Keeper.Kept;

    public bool IsUp => core.Session.Phase == Rx.IotLink.Nano.Protocol.Phase.Open;

    public ulong Epoch => core.Session.Epoch;

    public int Errors => core.Counters.Errors;

    public IReadOnlyList<LinkNoticeKind> ServersNotices => server.Notices;

    public long Now { get; set; }

    public List<string> Notices { get; } = [];

    /// <summary>Does something; if the power is lost in it, the device begins again.</summary>
    public void Do(Action<KeptDevice> action)
    {
        var before = Waiting();
        var promised = before.Take(Kept).ToHashSet();
        try
        {
            action(this);
        }
        catch (PowerLostException)
        {
            // A keeper catches what a flash throws; here it is the end of the program.
        }

        if (Flash.IsOff)
            Die(before, promised);
    }

    /// <summary>The power goes between two writes.</summary>
    public void LosePower() => Die(Waiting(), [.. Waiting().Take(Kept)]);

    public bool Write(string more = "")
    {
        var text = string.Create(CultureInfo.InvariantCulture, $"{written + 1} {more}");
        var bytes = Encoding.UTF8.GetBytes(text);
        if (!core.Session.Write(bytes, bytes.Length))
            return false;
        written++;
        return true;
    }

    public void AskToKeep() => core.Options.Keeper.Ask();

    public void Connect()
    {
        if (core.Current is not null)
            return;
        core.Begin();
        core.Connecting(connection);
        core.Connected();
        greeting.Clear();
        isAdmitted = false;
    }

    public void Disconnect()
    {
        if (core.Current is null)
            return;
        EndConnection();
        core.End("cut");
    }

    /// <summary>The pump's round: what is due is kept, then what may be said is said; the server answers.</summary>
    public void Pump()
    {
        for (var more = true; more;)
        {
            more = false;
            core.Options.Keeper.Step(Now);
            StopIfOff();
            if (core.Usable is null)
                return;
            if (core.Options.Keeper.IsBehind(Now))
            {
                more = true;
                continue;
            }

            var count = core.Session.Fill(Now);
            if (count > 0)
            {
                more = true;
                Say(core.Session.Output.AsSpan(0, count));
            }

            more |= Hear();
            if (core.Session.Phase == Rx.IotLink.Nano.Protocol.Phase.Over)
            {
                Disconnect();
                return;
            }
        }
    }

    /// <summary>The server's application handles some of what has arrived.</summary>
    public void Handle(int lines) => server.Handle(lines);

    /// <summary>The server's process ends, and begins without a memory.</summary>
    public void RestartServer()
    {
        if (core.Current is not null)
            Disconnect();
        Collect();
        (server, collected) = (NewServer(), 0);
    }

    /// <summary>Connects, and goes on until all is there.</summary>
    public void Finish()
    {
        for (var round = 0; round < 20; round++)
        {
            Connect();
            Pump();
            Handle(1000);
            Pump();
            Now += 2000;
            Pump();
        }

        Collect();
    }

    /// <summary>Says what is wrong: null, nothing.</summary>
    public string? Fault()
    {
        Collect();
        if (!Arrived.SequenceEqual(Arrived.Order()) || Arrived.Distinct().Count() != Arrived.Count)
            return "repeated, or out of order: " + string.Join(' ', Arrived);
        var missing = Enumerable.Range(1, written).Except(Arrived).ToList();
        if (missing.Exists(n => Promised.Contains(n) || !MayBeLost.Contains(n)))
            return $"lost: {string.Join(' ', missing)}; promised were {string.Join(' ', Promised.Order())}";
        return Outbox > 0 ? $"{Outbox} lines were not sent" : null;
    }

    private void Die(List<int> before, HashSet<int> promised)
    {
        Flash.PowerOn();
        Promised.UnionWith(promised);
        Promised.UnionWith(Waiting().Take(Kept));
        MayBeLost.UnionWith(before.Concat(Waiting()).Where(n => !Promised.Contains(n)));
        EndConnection();
        Boot();
        Restarts++;
    }

    private List<int> Waiting()
    {
        var lines = core.Session.Outbox;
        return [.. Enumerable.Range(0, lines.Count).Select(i => Number(Encoding.UTF8.GetString(lines.Bytes, lines.Start(i), lines.Length(i))))];
    }

    private static int Number(string line) => int.Parse(line.Split(' ')[0], CultureInfo.InvariantCulture);

    private EngineEnd NewServer() => new(new World(Side.Server, 2, IsKept: false), limits: Wide, seed: ++seed) { IsChecked = false };

    private void Boot()
    {
        var settings = OptionsCheck.Settings(options);
        core = new LinkCore(options, settings, OptionsCheck.Keeper(options, settings));
        while (core.TakeNotice() is { } notice)
            Notices.Add(notice);
    }

    private void EndConnection()
    {
        if (server.IsConnected)
            server.End(OutageReason.ConnectionLost);
    }

    private void Say(ReadOnlySpan<byte> bytes)
    {
        if (isAdmitted)
        {
            server.Receive(bytes);
            return;
        }

        greeting.AddRange(bytes);
        var read = new ReadOnlySequence<byte>([.. greeting]);
        if (!FirstLine.TryRead(ref read, Tokens.MaxBytes, out var line))
            return;
        var reader = new ServerGreeting(keysOf: null, nonce => nonce.Clear(), LinkId.MaxBytes);
        reader.First(line);
        isAdmitted = true;
        server.Connect(reader.Opening!);
        if (!read.IsEmpty)
            server.Receive(read.ToArray());
    }

    private bool Hear()
    {
        if (server.IsSending)
            server.TakeOutput();
        if (server.Said.Count == 0)
            return false;
        var said = server.Said.ToArray();
        server.Said.Clear();
        for (var at = 0; at < said.Length;)
        {
            var count = Math.Min(core.Session.Buffer.Length - core.Session.Held, said.Length - at);
            said.AsSpan(at, count).CopyTo(core.Session.Buffer.AsSpan(core.Session.Held));
            core.Received(count);
            at += count;
        }

        return true;
    }

    private void StopIfOff()
    {
        if (Flash.IsOff)
            throw new PowerLostException();
    }

    private void Collect()
    {
        Arrived.AddRange(server.Delivered.Skip(collected).Select(line => Number(line.Text)));
        collected = server.Delivered.Count;
    }

    private sealed class Silent : INanoConnection
    {
        public void Connect()
        {
        }

        public void SetTimeouts(int milliseconds)
        {
        }

        public int Receive(byte[] buffer, int offset, int count) => 0;

        public void Send(byte[] buffer, int offset, int count)
        {
        }

        public void Close()
        {
        }
    }
}
