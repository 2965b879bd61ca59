using System.ComponentModel;
using System.Diagnostics;

namespace TcpSoak.Namespaces;

/// <summary>Runs the system's network tools.</summary>
internal static class Tool
{
    /// <summary>Runs a program to its end.</summary>
    /// <exception cref="NotPossibleException">It is not there, or failed.</exception>
    public static async Task RunAsync(string program, params string[] arguments)
    {
        using var process = Start(program, arguments);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = (await process.StandardError.ReadToEndAsync()).Trim();
        await output;
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
            throw new NotPossibleException($"'{program} {string.Join(' ', arguments)}' failed with {process.ExitCode}: {errors}");
    }

    /// <summary>Starts a program with its standard streams at our end.</summary>
    /// <exception cref="NotPossibleException">It is not there.</exception>
    public static Process Start(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new NotPossibleException($"'{program}' cannot be started ({e.Message}). On Debian: apt-get install iproute2 nftables");
        }
    }
}
