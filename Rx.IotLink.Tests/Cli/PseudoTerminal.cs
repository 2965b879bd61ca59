using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Rx.IotLink.Tests.Cli;

/// <summary>
/// A terminal that a test looks at: what a program writes to <see cref="Name"/> can be read here, what is typed here is
/// its input. Linux.
/// </summary>
internal sealed class PseudoTerminal : IDisposable
{
    // Not the test's own terminal, and not inherited by what it starts, which could not see it go then.
    private const int ReadWrite = 0x2;
    private const int NoControl = 0x100;
    private const int CloseOnExec = 0x80000;

    // What .NET asks of a terminal when it begins to use it.
    private const string Greeting = "\u001b[?1h\u001b=";
    private readonly FileStream master;
    private readonly StringBuilder screen = new();

    public PseudoTerminal()
    {
        var descriptor = Open(ReadWrite | NoControl | CloseOnExec);
        var name = new byte[64];
        if (descriptor < 0 || Grant(descriptor) != 0 || Unlock(descriptor) != 0 || GetName(descriptor, name, name.Length) != 0)
            throw new IOException("no terminal can be had");
        Name = Encoding.UTF8.GetString(name.AsSpan(0, name.AsSpan().IndexOf((byte)0)));
        master = new(new SafeFileHandle(descriptor, ownsHandle: true), FileAccess.ReadWrite, bufferSize: 0);
    }

    /// <summary>The path of the device.</summary>
    public string Name { get; }

    /// <summary>Reads on until the screen has shown this text; returns all that it has shown.</summary>
    public async Task<string> ReadAsync(string text)
    {
        var buffer = new byte[4_096];
        var since = Stopwatch.StartNew();
        while (!screen.ToString().Contains(text, StringComparison.Ordinal))
        {
            // A program that ends leaves the terminal without one: an error, which says what is missing less well than
            // the screen does.
            var read = await master.ReadAsync(buffer).AsTask().WaitAsync(IotLinkProcess.Bound);
            screen.Append(Encoding.UTF8.GetString(buffer.AsSpan(0, read)));
            if (since.Elapsed > IotLinkProcess.Bound)
                throw new TimeoutException($"'{text}' is not on the screen: {screen}");
        }

        return screen.Replace(Greeting, "").ToString();
    }

    /// <summary>Reads on until no program has the terminal any more; returns all that was written to it.</summary>
    public async Task<string> ReadToEndAsync()
    {
        try
        {
            await ReadAsync("\u0000this is not written");
        }
        catch (IOException)
        {
            // A pseudo-terminal reports its end in this way.
        }

        return screen.Replace(Greeting, "").ToString();
    }

    public async Task TypeAsync(string text) => await master.WriteAsync(Encoding.UTF8.GetBytes(text));

    public void Dispose() => master.Dispose();

    [DllImport("libc", EntryPoint = "posix_openpt")]
    private static extern int Open(int flags);

    [DllImport("libc", EntryPoint = "grantpt")]
    private static extern int Grant(int descriptor);

    [DllImport("libc", EntryPoint = "unlockpt")]
    private static extern int Unlock(int descriptor);

    [DllImport("libc", EntryPoint = "ptsname_r")]
    private static extern int GetName(int descriptor, [Out] byte[] name, nint length);
}
