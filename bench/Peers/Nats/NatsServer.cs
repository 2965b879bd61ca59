using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;

namespace Peers.Nats;

/// <summary>A nats-server with JetStream, in a folder of its own. It ends, and its folder goes, with this.</summary>
internal sealed class NatsServer : IAsyncDisposable
{
    private static readonly string? Program = Environment.GetEnvironmentVariable("PATH")!.Split(Path.PathSeparator).Append("/usr/sbin")
        .Select(folder => Path.Combine(folder, "nats-server")).FirstOrDefault(File.Exists);

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("peers-nats");
    private readonly Process process;

    public NatsServer()
    {
        Port = FreePort.Find();
        string[] arguments = ["-js", "-a", "127.0.0.1", "-p", Port.ToString(CultureInfo.InvariantCulture), "-sd", folder.FullName];
        process = Process.Start(new ProcessStartInfo(Program!, arguments) { RedirectStandardError = true, RedirectStandardOutput = true, UseShellExecute = false })!;
        process.ErrorDataReceived += (_, _) => { };
        process.OutputDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
    }

    /// <summary>Whether the program is on this machine (Debian: <c>apt-get install nats-server</c>).</summary>
    public static bool IsHere => Program is not null;

    public int Port { get; }

    /// <summary>Waits until it listens.</summary>
    public async Task ReadyAsync()
    {
        for (var left = 1_000; ; left--)
        {
            using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync("127.0.0.1", Port);
                return;
            }
            catch (SocketException) when (left > 0 && !process.HasExited)
            {
                await Task.Yield();
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
        folder.Delete(recursive: true);
    }
}
