using System.Text;
using NUnit.Framework;
using Rx.IotLink.Nano;

namespace NanoTests;

/// <summary>
/// Connections in memory, whose other end is a function: what was sent goes in, what is to be received comes out.
/// </summary>
internal sealed class FakeTransport(Func<FakeConnection, string, string?> answer) : INanoTransport
{
    public const string Ok = "IOTLINK/2 ok epoch=1 tx=1 window=64 max=1024 timeout=2000\n";

    private int created;
    private int closed;

    public int Created => created;

    public int Open => created - closed;

    public FakeConnection? Last { get; private set; }

    /// <summary>What connecting does, before it succeeds.</summary>
    public Action<FakeConnection> Connecting { get; init; } = _ => { };

    /// <summary>A server that lets everyone in and then says nothing.</summary>
    public static string? Admit(FakeConnection connection, string said)
    {
        if (said.Contains("!bye", StringComparison.Ordinal))
            connection.Say(null);
        return said.StartsWith("IOTLINK/2 id=", StringComparison.Ordinal) ? Ok : null;
    }

    public INanoConnection Create()
    {
        Interlocked.Increment(ref created);
        return Last = new FakeConnection(this, answer, Connecting);
    }

    public void Closed() => Interlocked.Increment(ref closed);
}

/// <summary>One connection in memory.</summary>
internal sealed class FakeConnection(FakeTransport transport, Func<FakeConnection, string, string?> answer, Action<FakeConnection> connecting) : INanoConnection
{
    private readonly object gate = new();
    private readonly Queue<byte[]> arriving = new();
    private int taken;
    private bool ended;
    private bool closed;

    public bool IsClosed
    {
        get
        {
            lock (gate)
                return closed;
        }
    }

    public ManualResetEventSlim ClosedEvent { get; } = new();

    /// <summary>Lets bytes arrive at the device; null ends the connection after those before.</summary>
    public void Say(string? text)
    {
        lock (gate)
        {
            if (text is null)
                ended = true;
            else
                arriving.Enqueue(Encoding.Latin1.GetBytes(text));
            Monitor.PulseAll(gate);
        }
    }

    public void Connect() => connecting(this);

    public void SetTimeouts(int milliseconds)
    {
    }

    public int Receive(byte[] buffer, int offset, int count)
    {
        lock (gate)
        {
            while (arriving.Count == 0 && !ended && !closed)
                Monitor.Wait(gate);
            if (closed)
                throw new InvalidOperationException("closed");
            if (arriving.Count == 0)
                return 0;
            var piece = arriving.Peek();
            var length = Math.Min(count, piece.Length - taken);
            Array.Copy(piece, taken, buffer, offset, length);
            taken += length;
            if (taken == piece.Length)
            {
                taken = 0;
                arriving.Dequeue();
            }

            return length;
        }
    }

    public void Send(byte[] buffer, int offset, int count)
    {
        if (IsClosed)
            throw new InvalidOperationException("closed");
        if (answer(this, Encoding.Latin1.GetString(buffer, offset, count)) is { } said)
            Say(said);
    }

    public void Close()
    {
        lock (gate)
        {
            if (closed)
                return;
            closed = true;
            Monitor.PulseAll(gate);
        }

        transport.Closed();
        ClosedEvent.Set();
    }
}

/// <summary>Waiting with a bound that is generous, since test machines are slow.</summary>
internal static class Soon
{
    public static readonly TimeSpan Bound = TimeSpan.FromSeconds(40);

    public static void Holds(Func<bool> condition, string what) => Assert.That(SpinWait.SpinUntil(condition, Bound), Is.True, what);
}
