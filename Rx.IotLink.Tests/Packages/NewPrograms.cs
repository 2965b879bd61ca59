using System.Globalization;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Rx.IotLink.Tests.House;
using Rx.IotLink.Tests.Processes;

namespace Rx.IotLink.Tests.Packages;

/// <summary>
/// Each program that the documents show, as a reader makes it: <c>dotnet new</c>, a package, and the snippet pasted
/// over <c>Program.cs</c>. Only addresses are changed, to those of a test.
/// </summary>
/// <param name="folder">Where; its nuget.config names the feeds.</param>
/// <param name="port">The port that stands for 8123.</param>
/// <param name="environment">That of the builds.</param>
internal sealed partial class NewPrograms(string folder, int port, Dictionary<string, string> environment)
{
    /// <summary>Pastes all of them and builds them together.</summary>
    public async Task<Ended> BuildAsync()
    {
        await NewAsync("console");
        await NewAsync("web");
        // The feeds of a test have no list of vulnerabilities.
        await File.WriteAllTextAsync(Path.Combine(folder, "Directory.Build.props"), "<Project><PropertyGroup><NuGetAudit>false</NuGetAudit></PropertyGroup></Project>");

        var names = new List<string>();
        foreach (var snippet in Snippet.All().Where(IsProgram))
        {
            names.Add(Name(snippet.File, snippet.Number));
            await PasteAsync(snippet, Directory.CreateDirectory(Path.Combine(folder, names[^1])).FullName);
        }

        var projects = names.Select(name => $"""<Project Path="{name}/{name}.csproj" />""");
        await File.WriteAllTextAsync(Path.Combine(folder, "all.slnx"), $"<Solution>{string.Concat(projects)}</Solution>");
        return await Dotnet.RunAsync(folder, environment, "build", "all.slnx");
    }

    /// <summary>The program that a snippet became.</summary>
    public string PathOf(string file, int number) => Path.Combine(folder, Name(file, number), "bin", "Debug", "net10.0", Name(file, number) + ".dll");

    private static string Name(string file, int number) => string.Create(CultureInfo.InvariantCulture, $"{NotInNames().Replace(file, "_")}_{number}");

    // A test belongs into a test project, which GuideTests and the example there look after.
    // What needs OpenTelemetry or Orleans is compiled by ReadmeTests: the feeds of this test do not have their
    // packages.
    private static bool IsProgram(Snippet snippet) =>
        !snippet.Code.Contains("using NUnit.Framework;", StringComparison.Ordinal) && !snippet.Code.Contains("using OpenTelemetry.", StringComparison.Ordinal)
        && !snippet.Code.Contains("using Orleans;", StringComparison.Ordinal);

    private async Task NewAsync(string template)
    {
        var made = await Dotnet.RunAsync(folder, environment, "new", template, "-o", template, "--no-restore");
        Assert.That(made.Exit, Is.Zero, made.ToString());
    }

    private async Task PasteAsync(Snippet snippet, string project)
    {
        var template = Snippet.IsWeb(snippet.Code) ? "web" : "console";
        var file = await File.ReadAllTextAsync(Path.Combine(folder, template, template + ".csproj"));
        // What `dotnet add package` writes.
        var references = PackagesOf(snippet.Code).Select(package => $"""<PackageReference Include="{package}" Version="{VersionOf(package)}" />""");
        var packages = $"<ItemGroup>{string.Concat(references)}</ItemGroup>";
        await File.WriteAllTextAsync(Path.Combine(project, Path.GetFileName(project) + ".csproj"), file.Replace("</Project>", $"{packages}</Project>", StringComparison.Ordinal));
        var code = snippet.Code
            .Replace("Port = 8123", string.Create(CultureInfo.InvariantCulture, $"Port = {port}"), StringComparison.Ordinal)
            .Replace("Host = \"192.168.0.10\"", string.Create(CultureInfo.InvariantCulture, $"Host = \"127.0.0.1\", Port = {port}"), StringComparison.Ordinal);
        await File.WriteAllTextAsync(Path.Combine(project, "Program.cs"), code);
    }

    /// <summary>
    /// The packages whose namespaces a program uses. Each of ours brings Rx.IotLink with it. That of the hosting has no
    /// namespace of its own: its method shows it.
    /// </summary>
    private static List<string> PackagesOf(string code) =>
        ((string[])["Rx.IotLink.Testing", "Rx.IotLink.Sqlite", "Rx.IotLink.PostgreSql", "Rx.IotLink.Nats", "Rx.IotLink.Dashboard", "Rx.IotLink.Mqtt", "Rx.IotLink.Hosting", "Rx.IotLink.Bridge", "Rx.IotLink.Server"])
            .Where(package => code.Contains($"using {package}", StringComparison.Ordinal) || (package == "Rx.IotLink.Hosting" && code.Contains("AddIotLinkClient", StringComparison.Ordinal)))
            .DefaultIfEmpty("Rx.IotLink")
            .Concat(((string[])["Microsoft.Data.Sqlite"]).Where(package => code.Contains($"using {package};", StringComparison.Ordinal)))
            .ToList();

    private static string VersionOf(string package) =>
        package.StartsWith("Rx.IotLink", StringComparison.Ordinal) ? "0.1.0" : PackageTests.VersionOf(package);

    [GeneratedRegex("[^A-Za-z]+", RegexOptions.None, 1_000)]
    private static partial Regex NotInNames();
}
