using Rx.IotLink.Nano.Bridge;

namespace NanoTests;

/// <summary>
/// An I2C bus with a host, which is its master, and a bridge, which is a slave with a small buffer for each direction.
/// As real ones do, it does not acknowledge, holds the clock for too long, loses and changes bytes, gives a master that
/// reads too much what was there before, and gets stuck.
/// </summary>
internal sealed class SimulatedI2c : INanoI2cHost, INanoI2cBridge, IDisposable
{
    private readonly Lock gate = new();
    private readonly Random random;
    private readonly int room;
    private readonly Queue<byte> toBridge = new();
    private readonly Queue<byte> toHost = new();
    private readonly SemaphoreSlim came = new(0);
    private byte stale = 0xFF;
    private bool isAttention;

    /// <summary>A bus.</summary>
    /// <param name="seed">Which faults, and when.</param>
    /// <param name="room">The bytes of each buffer of the slave.</param>
    public SimulatedI2c(int seed, int room) => (random, this.room) = (new(seed), room);

    /// <summary>The chance that a byte is lost, doubled or changed.</summary>
    public double Noise { get; set; }

    /// <summary>The chance that a transfer is not acknowledged: at once, or after some of its bytes.</summary>
    public double Refusals { get; set; }

    /// <summary>Whether the wire of attention is broken.</summary>
    public bool IsDeaf { get; set; }

    /// <summary>Whether somebody holds a line down, until the bus is set up anew.</summary>
    public bool IsStuck { get; set; }

    public int Refused { get; private set; }

    public int Damaged { get; private set; }

    public int Stale { get; private set; }

    public int Reads { get; private set; }

    public int Recoveries { get; private set; }

    bool INanoI2cHost.IsAttention
    {
        get
        {
            lock (gate)
                return isAttention && !IsDeaf;
        }
    }

    bool INanoI2cHost.Write(byte[] buffer, int count)
    {
        lock (gate)
        {
            if (!IsAcknowledged(out var taken, count))
            {
                Carry(buffer.AsSpan(0, taken), toBridge, room);
                return false;
            }

            // A full buffer holds the clock for ever: the master gives up.
            var fits = toBridge.Count + count <= room;
            Carry(buffer.AsSpan(0, count), toBridge, room);
            Refused += fits ? 0 : 1;
            return fits;
        }
    }

    bool INanoI2cHost.Read(byte[] buffer, int count)
    {
        lock (gate)
        {
            Reads++;
            if (!IsAcknowledged(out var taken, count))
            {
                for (; taken > 0 && toHost.Count > 0; taken--)
                    stale = toHost.Dequeue();
                return false;
            }

            var read = new Queue<byte>();
            while (read.Count < count)
            {
                Stale += toHost.Count == 0 ? 1 : 0;
                stale = toHost.Count > 0 ? toHost.Dequeue() : stale;
                Carry([stale], read, count);
            }

            read.ToArray().CopyTo(buffer, 0);
            return true;
        }
    }

    void INanoI2cHost.Recover()
    {
        lock (gate)
        {
            Recoveries++;
            IsStuck = false;
        }
    }

    int INanoI2cBridge.Read(byte[] buffer, int count, int waitMs)
    {
        came.Wait(waitMs);
        lock (gate)
        {
            var read = 0;
            while (read < count && toBridge.TryDequeue(out var value))
                buffer[read++] = value;
            return read;
        }
    }

    bool INanoI2cBridge.Write(byte[] buffer, int count)
    {
        lock (gate)
        {
            if (toHost.Count + count > room)
                return false;
            foreach (var value in buffer.AsSpan(0, count))
                toHost.Enqueue(value);
            return true;
        }
    }

    void INanoI2cBridge.SetAttention(bool isHigh)
    {
        lock (gate)
            isAttention = isHigh;
    }

    public void Dispose() => came.Dispose();

    /// <summary>Another bridge takes the place of the one there: what its buffers held is gone.</summary>
    public void Replace()
    {
        lock (gate)
        {
            toBridge.Clear();
            toHost.Clear();
            isAttention = false;
        }
    }

    private bool IsAcknowledged(out int taken, int count)
    {
        taken = random.Next(count);
        var so = !IsStuck && random.NextDouble() >= Refusals;
        Refused += so ? 0 : 1;
        return so;
    }

    private void Carry(ReadOnlySpan<byte> bytes, Queue<byte> to, int most)
    {
        foreach (var value in bytes)
        {
            var (times, arrives) = (1, value);
            if (random.NextDouble() < Noise)
            {
                Damaged++;
                (times, arrives) = random.Next(3) switch { 0 => (0, value), 1 => (2, value), _ => (1, (byte)(value ^ (1 << random.Next(8)))) };
            }

            for (; times > 0 && to.Count < most; times--)
                to.Enqueue(arrives);
        }

        if (to == toBridge)
            came.Release();
    }
}
