using System.Diagnostics;
using Rx.IotLink.Tests.Cli;

namespace Rx.IotLink.Tests.Processes;

/// <summary>Runs <c>dotnet</c> as a person at a shell does, to its end.</summary>
internal static class Dotnet
{
    /// <summary>Only ever reached by a test that fails: generous, since the machine may be busy.</summary>
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(300);

    /// <summary>The <c>dotnet</c> that runs the tests.</summary>
    public static string Host => Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";

    /// <summary>Runs one of the programs that were built with the tests.</summary>
    public static Task<Ended> RunProgramAsync(string program, params string[] arguments) =>
        RunAsync(AppContext.BaseDirectory, [], [Path.Combine(AppContext.BaseDirectory, program + ".dll"), .. arguments]);

    /// <summary>
    /// Runs one of them with a terminal of this size for its three streams; returns its exit code and what the terminal
    /// shows in the end.
    /// </summary>
    public static async Task<(int Exit, IReadOnlyList<string> Screen)> RunOnTerminalAsync(int columns, int rows, string program, params string[] arguments)
    {
        using var terminal = new PseudoTerminal();
        var script = $"exec <{terminal.Name} >{terminal.Name} 2>&1; stty cols {columns} rows {rows}; exec \"$@\"";
        var running = RunAsync("sh", AppContext.BaseDirectory, new(StringComparer.Ordinal) { ["TERM"] = "xterm" }, ["-c", script, "sh", Host, Path.Combine(AppContext.BaseDirectory, program + ".dll"), .. arguments]);
        var written = await terminal.ReadToEndAsync();
        return ((await running).Exit, TerminalScreen.Show(written, columns));
    }

    /// <summary>Runs <c>dotnet</c> with these arguments.</summary>
    /// <param name="folder">Where.</param>
    /// <param name="environment">What is set beside the environment of the tests.</param>
    /// <param name="arguments">The arguments.</param>
    public static Task<Ended> RunAsync(string folder, Dictionary<string, string> environment, params string[] arguments) =>
        RunAsync(Host, folder, environment, arguments);

    /// <summary>Runs any program.</summary>
    public static Task<Ended> RunAsync(string program, string folder, Dictionary<string, string> environment, params string[] arguments) =>
        RunAsync(Bound, program, folder, environment, arguments);

    /// <summary>The same, for what takes long.</summary>
    public static async Task<Ended> RunAsync(TimeSpan bound, string program, string folder, Dictionary<string, string> environment, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        // What the runner of the tests found out about its own SDK is of no concern to another build.
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)).ToList())
            start.Environment.Remove(name);
        foreach (var (name, value) in environment)
            start.Environment[name] = value;

        using var process = Process.Start(start)!;
        try
        {
            var output = process.StandardOutput.ReadToEndAsync();
            var errors = process.StandardError.ReadToEndAsync();
            await process.WaitForExitAsync().WaitAsync(bound);
            return new Ended(process.ExitCode, await output, await errors);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }
}

/// <summary>A process that has ended.</summary>
internal sealed record Ended(int Exit, string Output, string Errors)
{
    public override string ToString() => $"exit {Exit}\n{Output}\n{Errors}";
}
