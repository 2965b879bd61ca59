using System.Text.RegularExpressions;
using Rx.IotLink.Tests.Cli;
using Rx.IotLink.Tests.House;
using Rx.IotLink.Tests.Processes;

namespace Rx.IotLink.Tests.Packages;

/// <summary>A new user, in a home of his own, who runs the commands that the README shows first.</summary>
internal sealed partial class NewTemplates
{
    private readonly string folder;
    private readonly Dictionary<string, string> environment;

    private NewTemplates(string folder, Dictionary<string, string> environment) => (this.folder, this.environment) = (folder, environment);

    /// <summary>How the last of these commands has ended.</summary>
    public Ended Installed { get; private set; } = null!;

    /// <summary>Installs what the README says.</summary>
    /// <param name="folder">The home.</param>
    /// <param name="feed">What <c>dotnet pack</c> has made.</param>
    /// <param name="nameFeeds">Writes a nuget.config into a folder.</param>
    /// <param name="environment">That of the commands.</param>
    public static async Task<NewTemplates> InstallAsync(string folder, string feed, Func<string, Task> nameFeeds, Dictionary<string, string> environment)
    {
        var configuration = Directory.CreateDirectory(Path.Combine(folder, ".nuget", "NuGet")).FullName;
        await nameFeeds(configuration);
        // The name of the file that belongs to a user.
        File.Move(Path.Combine(configuration, "nuget.config"), Path.Combine(configuration, "NuGet.Config"));
        var user = new NewTemplates(folder, new(environment, StringComparer.Ordinal)
        {
            ["HOME"] = folder,
            ["DOTNET_CLI_HOME"] = folder,
            ["DOTNET_NOLOGO"] = "1",
            ["DOTNET_GENERATE_ASPNET_CERTIFICATE"] = "false",
            ["NuGetAudit"] = "false",
            ["NUGET_PACKAGES"] = Path.Combine(folder, "packages"),
            ["PATH"] = $"{Path.Combine(folder, ".dotnet", "tools")}:{Path.GetDirectoryName(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH"))}:{Environment.GetEnvironmentVariable("PATH")}",
        });
        File.CreateSymbolicLink(Path.Combine(folder, "artifacts"), feed);
        // The folder of that name in a checkout: dotnet new takes a folder rather than a package.
        File.CreateSymbolicLink(Path.Combine(folder, "Rx.IotLink.Templates"), Path.Combine(Repository.Root, "Rx.IotLink.Templates"));
        var commands = Install().Match(Repository.Read("README.md")).Groups["commands"].Value;
        user.Installed = await user.RunAsync(commands.Split('\n', 2)[1]);
        return user;
    }

    /// <summary>Runs commands, each only if those before it went well.</summary>
    public Task<Ended> RunAsync(string commands) => Dotnet.RunAsync("bash", folder, environment, ["-euc", commands]);

    /// <summary>Starts a program.</summary>
    public IotLinkProcess Start(string command) => IotLinkProcess.StartOther("bash", "-euc", $"cd '{folder}'; {command}");

    [GeneratedRegex("## Install\n.*?```sh\n(?<commands>dotnet pack .*?)```", RegexOptions.Singleline | RegexOptions.ExplicitCapture, 1_000)]
    private static partial Regex Install();
}
