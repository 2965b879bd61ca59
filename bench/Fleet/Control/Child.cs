using System.Diagnostics;
using System.Text.Json;

namespace Rx.IotLink.Bench.Fleet.Control;

/// <summary>A process of this program's own, which it starts, asks and ends.</summary>
internal sealed class Child : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly Process process;
    private readonly SemaphoreSlim turn = new(1);

    private Child(Process process) => this.process = process;

    /// <summary>Starts this program again in another role.</summary>
    public static Child Start(IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        var self = Environment.ProcessPath!;
        // Under `dotnet fleet.dll` the process is dotnet, which needs the program as an argument.
        string[] first = Path.GetFileNameWithoutExtension(self) == "dotnet" ? [typeof(Child).Assembly.Location] : [];
        var start = new ProcessStartInfo(self, [.. first, .. arguments]) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true };
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        return new Child(Process.Start(start)!);
    }

    /// <summary>Processor time it has used.</summary>
    public TimeSpan Cpu
    {
        get
        {
            process.Refresh();
            return process.TotalProcessorTime;
        }
    }

    /// <summary>The first thing it says.</summary>
    public async Task<T> HearAsync<T>()
    {
        var line = await process.StandardOutput.ReadLineAsync().ConfigureAwait(false) ?? throw new InvalidOperationException("A process of the benchmark has ended unexpectedly; see what it wrote to standard error.");
        if (line.StartsWith("{\"Error\"", StringComparison.Ordinal))
            throw new InvalidOperationException(JsonSerializer.Deserialize<Failure>(line)!.Error);
        return JsonSerializer.Deserialize<T>(line)!;
    }

    public async Task<T> AskAsync<T>(Request request)
    {
        await turn.WaitAsync().ConfigureAwait(false);
        try
        {
            await process.StandardInput.WriteLineAsync(JsonSerializer.Serialize(request)).ConfigureAwait(false);
            await process.StandardInput.FlushAsync().ConfigureAwait(false);
            return await HearAsync<T>().ConfigureAwait(false);
        }
        finally
        {
            turn.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It has ended already.
        }

        using var patience = new CancellationTokenSource(Patience);
        try
        {
            await process.WaitForExitAsync(patience.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
        }

        process.Dispose();
        turn.Dispose();
    }
}
