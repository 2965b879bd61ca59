using System.Diagnostics;
using System.Reactive.Linq;
using System.Reactive.Subjects;
using System.Reactive.Threading.Tasks;

namespace Crash;

/// <summary>One life of an end: a process of this program.</summary>
internal sealed class EndProcess : IDisposable
{
    private readonly Process process;
    private readonly ReplaySubject<string> said = new();
    private readonly Task<string> errors;
    private readonly Task reading;

    private EndProcess(Process process)
    {
        this.process = process;
        errors = process.StandardError.ReadToEndAsync();
        reading = ReadAsync();
    }

    /// <summary>Starts one.</summary>
    public static EndProcess Start(params string[] arguments)
    {
        var program = Environment.ProcessPath!;
        // Started by "dotnet Crash.dll" or by a test, it is a program of the runtime's.
        string[] self = Path.GetFileNameWithoutExtension(program) == "Crash" ? [] : [typeof(EndProcess).Assembly.Location];
        return new(Process.Start(new ProcessStartInfo(self.Length > 0 ? Host : program, [.. self, .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!);
    }

    private static string Host => Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";

    private string Name => $"The process {string.Join(' ', process.StartInfo.ArgumentList)}";

    /// <summary>Waits until it has said this so often.</summary>
    /// <exception cref="InvalidOperationException">It ended before, or was too slow; its errors say why.</exception>
    public async Task SaysAsync(string word, int times, TimeSpan limit)
    {
        try
        {
            await said.Where(line => line == word).Skip(times - 1).FirstAsync().Timeout(limit).ToTask();
        }
        catch (Exception e) when (e is InvalidOperationException or TimeoutException)
        {
            var how = process.HasExited ? "before it ended by itself" : $"within {limit}";
            process.Kill();
            throw new InvalidOperationException($"{Name} did not say '{word}' {times} times {how}: {await errors}", e);
        }
    }

    /// <summary>Kills it (SIGKILL).</summary>
    /// <exception cref="InvalidOperationException">It had ended by itself, which none may.</exception>
    public async Task KillAsync()
    {
        var hadEnded = process.HasExited;
        process.Kill();
        await process.WaitForExitAsync();
        if (hadEnded)
            throw new InvalidOperationException($"{Name} ended by itself: {await errors}");
    }

    public void Dispose()
    {
        if (!process.HasExited)
            process.Kill();
        process.WaitForExit();
        _ = reading.Exception;
        process.Dispose();
        said.Dispose();
    }

    private async Task ReadAsync()
    {
        while (await process.StandardOutput.ReadLineAsync() is { } line)
            said.OnNext(line);
        said.OnCompleted();
    }
}
