using System.Globalization;
using System.Runtime.Versioning;
using System.Text.RegularExpressions;
using Rx.IotLink.Tests.Cli;
using Rx.IotLink.Tests.House;

namespace Rx.IotLink.Tests.Examples;

/// <summary>
/// The shell commands that a page shows, run by bash as they are, in a folder of their own. Only ports are changed to
/// those of the test, and <c>iotlink</c> is the command that was built with the tests.
/// </summary>
[UnsupportedOSPlatform("windows")]
internal sealed partial class PageCommands : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("iotlink-page-").FullName;
    private readonly string[] fences;
    private readonly int port = FreePort.Get();
    private readonly int page = FreePort.Get();

    public PageCommands(params string[] path)
    {
        fences = [.. Fence().Matches(Repository.Read(path)).Select(match => match.Groups["code"].Value)];
        Directory.CreateDirectory(Path.Combine(folder, "bin"));
        File.CreateSymbolicLink(Path.Combine(folder, "clients"), Path.Combine(Repository.Root, "clients"));
        var command = Path.Combine(folder, "bin", "iotlink");
        File.WriteAllText(command, $"#!/bin/sh\nexec '{Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet"}' '{Path.Combine(AppContext.BaseDirectory, "iotlink.dll")}' \"$@\"\n");
        File.SetUnixFileMode(command, UnixFileMode.UserRead | UnixFileMode.UserExecute);
    }

    public string this[string name] => Path.Combine(folder, name);

    /// <summary>Runs the block of commands that contains this text; its last command is the process.</summary>
    public IotLinkProcess Start(string containing) => Run(fences.Single(fence => fence.Contains(containing, StringComparison.Ordinal)));

    /// <summary>Runs commands that the page shows among its words, or waits for what they made.</summary>
    public IotLinkProcess Run(string commands)
    {
        var mine = Last().Replace(Control().Replace(Serve().Replace(commands, "iotlink serve --port 8123"), "iotlink ${command} --url http://127.0.0.1:8124/"), "exec $0")
            .Replace("8123", port.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
            .Replace("8124", page.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);
        return IotLinkProcess.StartOther("bash", "-euc", $"cd '{folder}'; PATH='{folder}/bin':$PATH\n{mine}");
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [GeneratedRegex("^```sh\n(?<code>.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1_000)]
    private static partial Regex Fence();

    [GeneratedRegex("iotlink serve(?! --port)", RegexOptions.None, 1_000)]
    private static partial Regex Serve();

    [GeneratedRegex("iotlink (?<command>ls|show|send|ping|kick)", RegexOptions.ExplicitCapture, 1_000)]
    private static partial Regex Control();

    /// <summary>So that a signal reaches it, and not the shell.</summary>
    [GeneratedRegex(@"^(iotlink|python3) [^\n]*(?=\n?\z)", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1_000)]
    private static partial Regex Last();
}
