using System.Diagnostics;
using Rx.IotLink.Bridge;

namespace Examples.BridgedHost;

/// <summary>The bridge as a process of its own, which can be killed as a power failure does.</summary>
internal sealed class BridgeProcess : IAsyncDisposable
{
    /// <summary>The argument that makes this program a bridge.</summary>
    public const string Role = "bridge";

    private readonly Lock gate = new();
    private readonly string port;
    private Process process;
    private bool disposed;

    public BridgeProcess(string port)
    {
        this.port = port;
        process = Start();
    }

    /// <summary>How often it was killed.</summary>
    public int Deaths { get; private set; }

    /// <summary>
    /// What the process does: it is a bridge until its input ends, which it does with the program above it.
    /// </summary>
    public static async Task<int> RunAsync(string port)
    {
        await using var bridge = IotLinkBridge.Start(new() { Wire = new SerialTransport(port) });
        await Console.In.ReadToEndAsync();
        return 0;
    }

    public void KillAndStart()
    {
        lock (gate)
        {
            if (disposed)
                return;
            Kill();
            Deaths++;
            process = Start();
        }
    }

    public ValueTask DisposeAsync()
    {
        lock (gate)
        {
            disposed = true;
            Kill();
        }

        return ValueTask.CompletedTask;
    }

    private void Kill()
    {
        process.Kill();
        process.WaitForExit();
        process.Dispose();
    }

    private Process Start()
    {
        var program = Environment.ProcessPath!;
        string[] before = Path.GetFileNameWithoutExtension(program) == "dotnet" ? [typeof(BridgeProcess).Assembly.Location] : [];
        return Process.Start(new ProcessStartInfo(program, [.. before, Role, port]) { RedirectStandardInput = true, UseShellExecute = false })!;
    }
}
