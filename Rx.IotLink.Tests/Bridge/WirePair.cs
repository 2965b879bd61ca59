using System.Runtime.InteropServices;
using NUnit.Framework;
using Rx.IotLink.Nano.Bridge;

namespace Rx.IotLink.Tests.Bridge;

/// <summary>
/// A host and a bridge on a wire of 115,200 baud, in virtual time: a millisecond a step, 11 bytes each way. Behind the
/// bridge is a server that sends all back, which it may do slowly.
/// </summary>
internal sealed class WirePair
{
    private const int BytesAStep = 11;
    private const int DriverBytes = 64;

    private readonly Queue<byte> toBridge = new();
    private readonly Queue<byte> toHost = new();
    private readonly byte[] frame = new byte[Frame.MaxEncoded];
    private readonly byte[] chunk = new byte[50];
    private readonly Queue<byte> atServer = new();
    private readonly Random random;
    private readonly int seed;
    private byte serving;
    private int bridges;

    public WirePair(int seed, double noise = 0, int window = 4)
    {
        (this.seed, random) = (seed, new(seed));
        Window = window;
        (Up, Down) = (new(new Random(seed + 1), noise), new(new Random(seed + 2), noise));
        Host = new(Settings, new() { Ssid = "net", Password = "secret", ReportS = 2 }, new SeededRandom(seed));
        Bridge = NewBridge();
    }

    public int Window { get; }

    public long Now { get; private set; }

    public Noise Up { get; }

    public Noise Down { get; }

    public HostMachine Host { get; }

    public BridgeMachine Bridge { get; private set; }

    /// <summary>Whether the bridge's program runs, or only what answers frames.</summary>
    public bool BridgeBeats { get; set; } = true;

    /// <summary>Whether the bridge does anything at all.</summary>
    public bool BridgeRuns { get; set; } = true;

    /// <summary>Whether the host takes what comes.</summary>
    public bool HostReads { get; set; } = true;

    /// <summary>Whether the server does.</summary>
    public bool ServerReads { get; set; } = true;

    /// <summary>Whether the server refuses connections.</summary>
    public bool ServerRefuses { get; set; }

    /// <summary>What the host wrote on this connection, and what came back.</summary>
    public List<byte> Written { get; } = [];

    public List<byte> Received { get; } = [];

    /// <summary>How many bytes the host should have written by now.</summary>
    public int Wanted { get; set; }

    public byte Number { get; private set; }

    /// <summary>Whether the other end's end came, after all of its bytes.</summary>
    public bool HostSawEnd => Host.PeerEnded && Host.Readable == 0;

    private FrameSettings Settings => new() { Window = Window };

    public void Open()
    {
        Number = Host.Open("server.example", 8123);
        Written.Clear();
        Received.Clear();
        Wanted = 0;
    }

    /// <summary>The bridge loses its memory, as at a reset.</summary>
    public void RestartBridge()
    {
        Bridge = NewBridge();
        toHost.Clear();
        serving = 0;
    }

    public bool RunUntil(Func<bool> condition, int milliseconds)
    {
        for (var until = Now + milliseconds; Now < until; Step())
        {
            if (condition())
                return true;
        }

        return condition();
    }

    public void Run(int milliseconds) => RunUntil(() => false, milliseconds);

    private BridgeMachine NewBridge() => new(Settings, new SeededRandom(seed + 1000 + bridges++));

    private void Step()
    {
        Now++;
        PlayHost();
        if (BridgeRuns)
            PlayBridge();
        Carry(Host, toBridge, Up, b => Bridge.Receive([b], 0, 1, Now), BridgeRuns);
        if (BridgeRuns)
            Carry(Bridge, toHost, Down, b => Host.Receive([b], 0, 1, Now), true);
    }

    private void PlayHost()
    {
        if (Host.State == ConnectionState.Open && Written.Count < Wanted)
        {
            random.NextBytes(chunk);
            var taken = Host.Write(Number, chunk, 0, Math.Min(random.Next(1, chunk.Length), Wanted - Written.Count));
            Written.AddRange(chunk[..taken]);
        }

        if (HostReads && Host.Read(chunk, 0, random.Next(1, chunk.Length)) is > 0 and var read)
            Check(chunk[..read]);
    }

    private void Check(byte[] read)
    {
        var from = Received.Count;
        Received.AddRange(read);
        Assert.That(from + read.Length, Is.LessThanOrEqualTo(Written.Count), "nothing comes that was not written");
        Assert.That(CollectionsMarshal.AsSpan(Written).Slice(from, read.Length).SequenceEqual(read), Is.True, $"what comes back is what was written, at byte {from}");
    }

    private void PlayBridge()
    {
        if (BridgeBeats)
            Bridge.Beat();
        if (Bridge.Connection != serving)
        {
            serving = Bridge.Connection;
            atServer.Clear();
            if (serving != 0 && ServerRefuses)
                Bridge.Fail(serving, "connection refused");
            else if (serving != 0)
                Bridge.Opened(serving);
        }

        if (serving == 0)
            return;
        if (ServerReads && Bridge.Read(chunk, 0, random.Next(1, chunk.Length)) is > 0 and var read)
        {
            foreach (var b in chunk[..read])
                atServer.Enqueue(b);
        }

        var back = atServer.Take(20).ToArray();
        for (var sent = Bridge.Write(serving, back, 0, back.Length); sent > 0; sent--)
            atServer.Dequeue();
        if (Bridge.PeerEnded && Bridge.Readable == 0 && atServer.Count == 0)
            Bridge.End(serving);
    }

    private void Carry(FrameEnd from, Queue<byte> wire, Noise noise, Action<byte> deliver, bool isHeard)
    {
        // As a driver does: a frame is made when there is room for it.
        for (int made; wire.Count < DriverBytes && (made = from.Fill(frame, Now)) > 0;)
        {
            foreach (var b in frame[..made])
                wire.Enqueue(b);
        }

        for (var left = BytesAStep; left > 0 && wire.TryDequeue(out var sent); left--)
        {
            foreach (var b in noise.Pass(sent))
            {
                if (isHeard)
                    deliver(b);
            }
        }
    }
}
