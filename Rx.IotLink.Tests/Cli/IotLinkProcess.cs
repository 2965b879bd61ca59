using System.Diagnostics;
using System.Globalization;
using System.Reactive.Linq;
using System.Reactive.Subjects;
using System.Reactive.Threading.Tasks;
using System.Text;
using NUnit.Framework;

namespace Rx.IotLink.Tests.Cli;

/// <summary>
/// The real command as a process. What it prints can be awaited, also after the fact; disposing ends it.
/// </summary>
internal sealed class IotLinkProcess : IAsyncDisposable
{
    /// <summary>For whatever should happen at once: generous, since test machines are slow.</summary>
    public static readonly TimeSpan Bound = TimeSpan.FromSeconds(40);

    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);
    private readonly Process process;
    private readonly ReplaySubject<string> output = new();
    private readonly ReplaySubject<string> events = new();
    private readonly Task reading;

    private IotLinkProcess(string program, string[] arguments, Dictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = Utf8,
            StandardOutputEncoding = Utf8,
            StandardErrorEncoding = Utf8,
        };
        foreach (var (name, value) in environment ?? [])
            start.Environment[name] = value;
        process = Process.Start(start)!;
        reading = Task.WhenAll(ReadAsync(process.StandardOutput, output), ReadAsync(process.StandardError, events));
    }

    /// <summary>
    /// The command: the one that was built with the tests, or that of IOTLINK_COMMAND (a native one).
    /// </summary>
    private static string[] Command { get; } = Environment.GetEnvironmentVariable("IOTLINK_COMMAND") is { Length: > 0 } other
        ? [other]
        : [Host, Path.Combine(AppContext.BaseDirectory, "iotlink.dll")];

    private static string Host => Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";

    /// <summary>The lines of standard output, those so far first; ends with the stream.</summary>
    public IObservable<string> Output => output;

    /// <summary>The lines of standard error, likewise.</summary>
    public IObservable<string> Events => events;

    public static IotLinkProcess Start(params string[] arguments) => new(Command[0], [.. Command[1..], .. arguments]);

    /// <summary>Another program than the command, which is treated in the same way.</summary>
    public static IotLinkProcess StartProgram(string path) => new(Host, [path]);

    /// <summary>One of the programs that were built with the tests.</summary>
    public static IotLinkProcess StartBuilt(string program, params string[] arguments) =>
        new(Host, [Path.Combine(AppContext.BaseDirectory, program + ".dll"), .. arguments]);

    /// <summary>A program of another kind, which is treated in the same way.</summary>
    public static IotLinkProcess StartOther(string program, params string[] arguments) => new(program, arguments);

    /// <summary>Started by a shell that does something before, such as closing a stream.</summary>
    /// <param name="script">
    /// What the shell does; <c>"$@"</c> is the command, and <c>exec</c> makes its process the one that is signalled.
    /// </param>
    /// <param name="arguments">The arguments of the command.</param>
    /// <param name="environment">What is set beside the environment of the tests.</param>
    public static IotLinkProcess StartByShell(string script, string[] arguments, Dictionary<string, string>? environment = null) =>
        new("sh", ["-c", script, "sh", .. Command, .. arguments], environment);

    /// <summary>A server on a port that the system chose.</summary>
    public static Task<(IotLinkProcess Server, int Port)> ServeAsync(params string[] arguments) => ListeningAsync(Start(["serve", "--port", "0", .. arguments]));

    /// <summary>The same, in a process that may open no more than so many files and sockets.</summary>
    public static Task<(IotLinkProcess Server, int Port)> ServeWithinAsync(int descriptors, params string[] arguments) => ListeningAsync(StartByShell(
        string.Create(CultureInfo.InvariantCulture, $"ulimit -n {descriptors} && exec \"$@\""), ["serve", "--port", "0", .. arguments]));

    /// <summary>Waits until a server listens.</summary>
    public static async Task<(IotLinkProcess Server, int Port)> ListeningAsync(IotLinkProcess server)
    {
        var listening = await server.EventAsync("listening");
        var port = listening.TrimEnd('"', '}')[(listening.TrimEnd('"', '}').LastIndexOf(':') + 1)..];
        return (server, int.Parse(port, CultureInfo.InvariantCulture));
    }

    /// <summary>A client of a server on this machine.</summary>
    public static IotLinkProcess Connect(int port, string id, params string[] arguments) =>
        Start(["connect", string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}"), "--id", id, .. arguments]);

    /// <summary>The first line of standard error that holds this text.</summary>
    public Task<string> EventAsync(string text) => FirstAsync(events, text);

    /// <summary>The first line of standard output that holds this text.</summary>
    public Task<string> OutputAsync(string text) => FirstAsync(output, text);

    /// <summary>The first lines of standard output.</summary>
    public async Task<IList<string>> OutputAsync(int lines) => await output.Take(lines).ToList().Timeout(Bound).ToTask();

    /// <summary>Writes to standard input, in one piece.</summary>
    public async Task WriteAsync(string text)
    {
        await process.StandardInput.WriteAsync(text);
        await process.StandardInput.FlushAsync();
    }

    /// <summary>The same for what is not text.</summary>
    public async Task WriteAsync(byte[] bytes)
    {
        await process.StandardInput.BaseStream.WriteAsync(bytes);
        await process.StandardInput.BaseStream.FlushAsync();
    }

    public void EndInput()
    {
        try
        {
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // What it had no standard input to read from was not written either.
        }
    }

    /// <summary>Stops reading standard output, so that the command's next line breaks the pipe.</summary>
    public void CloseOutput() => process.StandardOutput.Close();

    /// <summary>Sends a signal, as a terminal does on Ctrl-C.</summary>
    public void Signal(string name = "INT")
    {
        using var kill = Process.Start("kill", [$"-{name}", process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit(Bound);
    }

    /// <summary>Ends it as a power failure does.</summary>
    public async Task KillAsync()
    {
        process.Kill();
        await process.WaitForExitAsync().WaitAsync(Bound);
    }

    /// <summary>The exit code, once it has ended and all that it printed was read.</summary>
    public async Task<int> ExitAsync()
    {
        await process.WaitForExitAsync().WaitAsync(Bound);
        await reading.WaitAsync(Bound);
        return process.ExitCode;
    }

    /// <summary>A stream's lines until now.</summary>
    public static IList<string> SoFar(IObservable<string> lines)
    {
        var soFar = new List<string>();
        using var _ = lines.Subscribe(soFar.Add);
        return [.. soFar];
    }

    /// <summary>All of a stream's lines, once it has ended.</summary>
    public static async Task<IList<string>> AllAsync(IObservable<string> lines) => await lines.ToList().Timeout(Bound).ToTask();

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
            await KillAsync();
        await reading.WaitAsync(Bound);

        // The transcript of a failed test says more than its assertion.
        if (TestContext.CurrentContext.Result.Outcome.Status == NUnit.Framework.Interfaces.TestStatus.Failed)
            await TestContext.Out.WriteLineAsync($"{string.Join(' ', process.StartInfo.ArgumentList)}: {string.Join(" | ", await AllAsync(events))}");
        process.Dispose();
        output.Dispose();
        events.Dispose();
    }

    private static Task<string> FirstAsync(IObservable<string> lines, string text) =>
        lines.FirstAsync(line => line.Contains(text, StringComparison.Ordinal)).Timeout(Bound).ToTask();

    private static async Task ReadAsync(StreamReader reader, ReplaySubject<string> lines)
    {
        var (buffer, rest) = (new char[4_096], "");
        try
        {
            // Not ReadLine: a CR is part of a line.
            while (await reader.ReadAsync(buffer) is > 0 and var length)
            {
                var parts = (rest + new string(buffer, 0, length)).Split('\n');
                foreach (var line in parts[..^1])
                    lines.OnNext(line);
                rest = parts[^1];
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException)
        {
            // Closed by CloseOutput.
        }

        if (rest.Length > 0)
            lines.OnNext(rest);
        lines.OnCompleted();
    }
}
