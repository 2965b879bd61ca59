using System.Diagnostics;
using System.Globalization;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using System.Reflection;

namespace Examples.Cluster;

/// <summary>A process of this program, which may be killed and started again.</summary>
/// <param name="within">What runs it, such as in a network namespace; empty: nothing.</param>
/// <param name="database">The database, as it sees it.</param>
/// <param name="arguments">What it is to do.</param>
internal sealed class Worker(string[] within, string database, params string[] arguments) : IAsyncDisposable
{
    private const string Variable = "IOTLINK_CLUSTER_EXAMPLE";
    private const string Ready = "ready";

    private Process? process;

    /// <summary>The database, in a process of its own.</summary>
    public static string Database => Environment.GetEnvironmentVariable(Variable) ?? throw new InvalidOperationException($"{Variable} is not set.");

    public string Name => string.Join(' ', arguments[..2]);

    /// <summary>In a process of its own: it works until its input ends, which happens with the first process.</summary>
    public static async Task SayReadyAsync(CancellationToken cancellation)
    {
        Console.WriteLine(Ready);
        await Console.In.ReadToEndAsync(cancellation);
    }

    /// <summary>Starts it, and waits until it works; a database that is away at that moment is tried again.</summary>
    public async Task StartAsync(CancellationToken cancellation)
    {
        while (true)
        {
            var started = process = Start();
            if (await started.StandardOutput.ReadLineAsync(cancellation) is Ready)
                return;
            await KillAsync(cancellation);
            await Observable.Timer(Times.CutEvery).ToTask(cancellation);
        }
    }

    /// <summary>Ends it as a power failure does.</summary>
    public async Task KillAsync(CancellationToken cancellation)
    {
        if (process is not { } ending)
            return;
        process = null;
        ending.Kill();
        await ending.WaitForExitAsync(cancellation);
        ending.Dispose();
    }

    /// <summary>Asks it to end, and waits until it has.</summary>
    public async Task EndAsync(CancellationToken cancellation)
    {
        if (process is not { } ending)
            return;
        process = null;
        ending.StandardInput.Close();
        await ending.WaitForExitAsync(cancellation);
        ending.Dispose();
    }

    /// <summary>The processor time that it has used.</summary>
    public TimeSpan ProcessorTime => process?.TotalProcessorTime ?? TimeSpan.Zero;

    /// <summary>Stops it, or has it go on.</summary>
    public Task SignalAsync(string signal, CancellationToken cancellation) => Signals.SendAsync(process!.Id, signal, cancellation);

    public async ValueTask DisposeAsync() => await KillAsync(CancellationToken.None);

    private Process Start()
    {
        // Its program may be this process's own, or 'dotnet' with the file of the program that uses this.
        var self = Environment.ProcessPath!;
        var isHost = string.Equals(Path.GetFileNameWithoutExtension(self), "dotnet", StringComparison.OrdinalIgnoreCase);
        string[] command = isHost ? [Assembly.GetEntryAssembly()!.Location, .. arguments] : arguments;
        string[] whole = [.. within, self, .. command];
        var start = new ProcessStartInfo(whole[0], whole[1..]) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment[Variable] = database;
        var started = Process.Start(start) ?? throw new InvalidOperationException($"{self} cannot be started.");
        // What it says of a database that is away is not of interest, but must be read.
        started.ErrorDataReceived += static (_, _) => { };
        started.BeginErrorReadLine();
        return started;
    }
}

/// <summary>Signals to processes.</summary>
internal static class Signals
{
    public static async Task SendAsync(int pid, string signal, CancellationToken cancellation)
    {
        using var kill = Process.Start("kill", ["-" + signal, pid.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync(cancellation);
    }
}
