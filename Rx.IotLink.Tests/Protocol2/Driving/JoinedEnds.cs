namespace Rx.IotLink.Tests.Protocol2.Driving;

/// <summary>
/// Two ends, joined by bytes in memory, on a connection that may be cut after any byte. Nothing here takes time.
/// </summary>
internal sealed class JoinedEnds(TestEnd client, TestEnd server)
{
    private const int MaxRounds = 100_000;

    public TestEnd Client { get; set; } = client;

    public TestEnd Server { get; set; } = server;

    /// <summary>Bytes that arrived on the last connection, in both directions together.</summary>
    public int Carried { get; private set; }

    /// <summary>
    /// One connection, until nothing more is said and done, or it is cut, or an end leaves. Each round the ends work
    /// (false: nothing to do), then each hears what the other said.
    /// </summary>
    /// <returns>Whether the connection still stands.</returns>
    public bool Connect(Func<bool> work, int cutAfter = int.MaxValue, int pieceBytes = int.MaxValue)
    {
        Carried = 0;
        Client.Connect();
        Server.Connect();
        for (var round = 0; round < MaxRounds; round++)
        {
            var worked = work();
            var carried = Carried;
            if (!Carry(Client, Server, cutAfter, pieceBytes) || !Carry(Server, Client, cutAfter, pieceBytes))
            {
                Disconnect();
                return false;
            }

            if (Client.Left is not null || Server.Left is not null)
            {
                Carry(Client, Server, cutAfter, pieceBytes);
                Disconnect();
                return false;
            }

            if (!worked && carried == Carried)
                return true;
        }

        throw new InvalidOperationException($"After {MaxRounds} rounds there is still something to do: a line is lost, or repeated without end.");
    }

    public void Disconnect()
    {
        Client.Disconnect();
        Server.Disconnect();
    }

    private bool Carry(TestEnd from, TestEnd to, int cutAfter, int pieceBytes)
    {
        var said = from.TakeOutput();
        for (var at = 0; at < said.Length;)
        {
            var length = Math.Min(Math.Min(pieceBytes, said.Length - at), cutAfter - Carried);
            if (length == 0)
                return false;
            to.Receive(said.AsSpan(at, length));
            at += length;
            Carried += length;
        }

        return true;
    }
}
