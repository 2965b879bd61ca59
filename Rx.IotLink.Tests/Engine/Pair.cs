using System.Buffers;
using Rx.IotLink.Engine;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version1;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Protocol.Driving;
using Rx.IotLink.Tests.Protocol2.Driving;
using static Rx.IotLink.Tests.Protocol.Garbage.Cases;

namespace Rx.IotLink.Tests.Engine;

/// <summary>
/// Two engines, a client's and a server's, joined by pipes that delay, stall, tear and lose what is under way when
/// they break. Time goes on in steps of some milliseconds, and one random source decides all: a seed is a history.
/// </summary>
internal sealed class Pair
{
    private static readonly TimeSpan Timeout = EngineEnd.Timeout;

    private readonly Random random;
    private readonly int version;
    private readonly bool isKept;
    private readonly EndOfPair client;
    private readonly EndOfPair server;
    private TimeSpan now = TimeSpan.FromSeconds(1);
    private TimeSpan connectAt;
    private bool isHealthy;

    // The opening of a connection that the server does not serve yet; null: it does, or there is none.
    private byte[]? greeting;

    public Pair(int seed, int version, bool isKept)
    {
        (random, this.version, this.isKept) = (new(seed), version, isKept);
        client = new(new World(Side.Client, version, isKept), seed, random);
        server = new(new World(Side.Server, version, isKept), seed + 1, random);
        (client.Peer, server.Peer) = (server, client);
    }

    /// <summary>
    /// How often the connection broke, an end began anew with what its store had, and lines were said again.
    /// </summary>
    public int Cuts { get; private set; }

    public int Restarts { get; private set; }

    public int Outages => client.Outages + server.Outages;

    public int Lines => client.Received.Count + server.Received.Count;

    public int GivenUp => client.GivenUp + server.GivenUp;

    /// <summary>Lives through many steps with faults, then heals, and says what was not as promised.</summary>
    public void Live(int steps)
    {
        for (var i = 0; i < steps; i++)
            Step();
        isHealthy = true;
        var end = now + TimeSpan.FromMinutes(2);
        while (!(client.IsDone && server.IsDone))
        {
            Require(now < end, () => $"two minutes after all faults, the client has {client.Left} and the server {server.Left}");
            Step();
        }

        client.CheckWhatPeerReceived();
        server.CheckWhatPeerReceived();
    }

    private void Step()
    {
        now += TimeSpan.FromMilliseconds(random.Next(1, 30));
        (client.End.Now, server.End.Now) = (now, now);
        if (!isHealthy)
            Meddle();
        Connect();
        foreach (var end in new[] { client, server })
        {
            end.Live(now, isHealthy);
            if (end.End.IsConnected && now - end.HeardAt > Timeout)
                end.End.End(OutageReason.Silence);
        }

        Carry(client, server);
        Carry(server, client);
    }

    private void Meddle()
    {
        switch (random.Next(400))
        {
            case < 4:
                Cut();
                break;
            case < 8:
                (random.Next(2) == 0 ? client : server).StalledUntil = now + (random.NextDouble() * 2 * Timeout);
                break;
            case 8 when isKept && version == 2:
                Restarts++;
                Cut();
                (random.Next(2) == 0 ? client : server).Restart();
                break;
        }
    }

    /// <summary>
    /// What is under way is lost, the end of it at least. Either end notices at once, or by the silence.
    /// </summary>
    private void Cut()
    {
        if (!client.HasPath)
            return;
        Cuts++;
        foreach (var end in new[] { client, server })
        {
            end.HasPath = false;
            var left = random.Next(end.UnderWay.Count + 1);
            end.UnderWay.RemoveRange(left, end.UnderWay.Count - left);
            if (random.Next(2) == 0)
                end.NoticesEndAt = now + (random.NextDouble() * Timeout / 2);
        }
    }

    private void Connect()
    {
        if (!client.End.IsConnected)
        {
            client.HasPath = false;
            if (connectAt == default)
                connectAt = now + client.End.Engine.QuietTime + (random.NextDouble() * TimeSpan.FromMilliseconds(300));
            if (now < connectAt)
                return;
            connectAt = default;
            (client.HasPath, greeting) = (true, []);
            (client.HeardAt, client.NoticesEndAt) = (now, null);
            client.UnderWay.Clear();
            // What the server still says goes to the connection before.
            server.HasPath = false;
            client.End.Connect(null);
        }

        if (greeting is null || client.UnderWay.Count == 0 || !client.HasPath || client.StalledUntil > now)
            return;
        greeting = [.. greeting, .. client.UnderWay];
        client.UnderWay.Clear();
        var bytes = new ReadOnlySequence<byte>(greeting);
        if (!FirstLine.TryRead(ref bytes, Tokens.MaxBytes, out var line))
            return;
        greeting = null;
        Serve(version == 1 ? IdOpening.Read(line, LinkId.MaxBytes) : Opening(line), bytes.ToArray());
    }

    private void Serve(PeerOpening opening, byte[] rest)
    {
        if (server.End.IsConnected)
        {
            if (!server.End.Engine.IsSuccessor(opening))
            {
                // It gets the answer to come again later.
                client.NoticesEndAt = now;
                return;
            }

            server.End.Step(Input.Dismissed(server.End.Moment, Farewell.Displaced, new(OutageReason.Displaced, "displaced")));
        }

        (server.HasPath, server.HeardAt, server.NoticesEndAt) = (true, now, null);
        server.UnderWay.Clear();
        server.End.Connect(opening);
        if (rest.Length > 0)
            server.End.Receive(rest);
    }

    private static ClientOpening Opening(string line)
    {
        var reader = new ServerGreeting(keysOf: null, EndOptions.Seeded(1), LinkId.MaxBytes);
        reader.First(line);
        return reader.Opening!;
    }

    /// <summary>Carries what an end said: in pieces of any size, when the path has a moment.</summary>
    private void Carry(EndOfPair from, EndOfPair to)
    {
        if (from.HasPath)
            from.UnderWay.AddRange(from.End.Said);
        from.End.Said.Clear();
        if (!from.HasPath || from.StalledUntil > now || (from == client && greeting is not null))
            return;
        var length = Math.Min(from.UnderWay.Count, random.Next(4) == 0 ? random.Next(12) : 4_000);
        if (length == 0 || !to.End.IsConnected)
            return;
        var piece = from.UnderWay[..length].ToArray();
        from.UnderWay.RemoveRange(0, length);
        to.HeardAt = now;
        to.End.Receive(piece);
    }
}
