using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Examples.BridgedHost;

/// <summary>
/// A serial cable between two ports of this machine, which are real devices: two pseudo-terminals, and a thread for
/// each
/// direction that carries the bytes and damages some. Linux.
/// </summary>
internal sealed class SerialCable : IDisposable
{
    private readonly Random random;
    private readonly End left = new();
    private readonly End right = new();

    /// <summary>A cable.</summary>
    /// <param name="seed">Which damage, and when.</param>
    /// <param name="noise">The chance that a byte is lost, doubled, or changed.</param>
    public SerialCable(int seed = 1, double noise = 0)
    {
        random = new(seed);
        Noise = noise;
        Start(left, right);
        Start(right, left);
    }

    /// <summary>The name of the port at one end.</summary>
    public string Left => left.Name;

    /// <summary>The name of the port at the other end.</summary>
    public string Right => right.Name;

    /// <summary>The chance that a byte is damaged.</summary>
    public double Noise { get; set; }

    /// <summary>Whether nothing gets through.</summary>
    public bool IsCut { get; set; }

    /// <summary>How many bytes were damaged.</summary>
    public long Damaged { get; private set; }

    /// <summary>How many bytes came at either end.</summary>
    public long Carried { get; private set; }

    /// <summary>Writes what another program would write to one port: it comes out at <see cref="Left"/>.</summary>
    public void Say(string text) => left.Write(Encoding.UTF8.GetBytes(text));

    /// <summary>Pulls the adapter out at the left end: the port is gone.</summary>
    public void Unplug() => left.Dispose();

    public void Dispose()
    {
        left.Dispose();
        right.Dispose();
    }

    private void Start(End from, End to) => new Thread(() => Carry(from, to)) { IsBackground = true, Name = "serial cable" }.Start();

    private void Carry(End from, End to)
    {
        var bytes = new byte[256];
        try
        {
            for (int read; (read = from.Read(bytes)) > 0;)
            {
                var arriving = new List<byte>(read);
                lock (random)
                {
                    Carried += read;
                    foreach (var b in bytes.AsSpan(0, read))
                        Pass(b, arriving);
                }

                if (!IsCut)
                    to.Write([.. arriving]);
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The cable is gone.
        }
    }

    private void Pass(byte value, List<byte> arriving)
    {
        if (random.NextDouble() >= Noise)
        {
            arriving.Add(value);
            return;
        }

        Damaged++;
        switch (random.Next(3))
        {
            case 0:
                break;
            case 1:
                arriving.AddRange([value, value]);
                break;
            default:
                arriving.Add((byte)(value ^ (1 << random.Next(8))));
                break;
        }
    }

    /// <summary>A port, and the hidden end of it.</summary>
    private sealed class End : IDisposable
    {
        // Not this process's own terminal, and not inherited by what it starts.
        private const int ReadWriteAlone = 0x2 | 0x100 | 0x80000;
        private readonly FileStream hidden;
        private readonly int held;
        private int disposed;

        public End()
        {
            var descriptor = OpenTerminal(ReadWriteAlone);
            var name = new byte[64];
            if (descriptor < 0 || Grant(descriptor) != 0 || Unlock(descriptor) != 0 || GetName(descriptor, name, name.Length) != 0)
                throw new IOException("This machine gives no pseudo-terminal.");
            Name = Encoding.UTF8.GetString(name.AsSpan(0, name.AsSpan().IndexOf((byte)0)));
            // Held open, so that the port is there while no program has it; raw, so that it sends back nothing itself.
            held = Open(Name, ReadWriteAlone);
            var settings = new byte[256];
            if (held < 0 || GetSettings(held, settings) != 0)
                throw new IOException($"{Name} cannot be opened.");
            MakeRaw(settings);
            _ = SetSettings(held, 0, settings);
            hidden = new(new SafeFileHandle(descriptor, ownsHandle: true), FileAccess.ReadWrite, bufferSize: 0);
        }

        public string Name { get; }

        public int Read(byte[] bytes) => hidden.Read(bytes);

        public void Write(byte[] bytes) => hidden.Write(bytes);

        public void Dispose()
        {
            if (Interlocked.Exchange(ref disposed, 1) != 0)
                return;
            _ = Close(held);
            // The file itself, although a thread still reads it: the other side sees a terminal that hangs up.
            _ = Close((int)hidden.SafeFileHandle.DangerousGetHandle());
            hidden.SafeFileHandle.SetHandleAsInvalid();
        }

        [DllImport("libc", EntryPoint = "posix_openpt")]
        private static extern int OpenTerminal(int flags);

        [DllImport("libc", EntryPoint = "grantpt")]
        private static extern int Grant(int descriptor);

        [DllImport("libc", EntryPoint = "unlockpt")]
        private static extern int Unlock(int descriptor);

        [DllImport("libc", EntryPoint = "ptsname_r")]
        private static extern int GetName(int descriptor, [Out] byte[] name, nint length);

        [DllImport("libc", EntryPoint = "open", BestFitMapping = false, ThrowOnUnmappableChar = true)]
        private static extern int Open([MarshalAs(UnmanagedType.LPStr)] string path, int flags);

        [DllImport("libc", EntryPoint = "close")]
        private static extern int Close(int descriptor);

        [DllImport("libc", EntryPoint = "tcgetattr")]
        private static extern int GetSettings(int descriptor, [Out] byte[] settings);

        [DllImport("libc", EntryPoint = "tcsetattr")]
        private static extern int SetSettings(int descriptor, int when, byte[] settings);

        [DllImport("libc", EntryPoint = "cfmakeraw")]
        private static extern void MakeRaw([In, Out] byte[] settings);
    }
}
