using System.Globalization;
using System.IO.Compression;
using System.Reflection.Metadata;
using System.Xml.Linq;
using NUnit.Framework;
using Rx.IotLink.Tests.Cli;
using Rx.IotLink.Tests.House;
using Rx.IotLink.Tests.Processes;

namespace Rx.IotLink.Tests.Packages;

/// <summary>What <c>dotnet pack</c> makes, and that a new user's program and shell can use it.</summary>
[Parallelizable(ParallelScope.Self)]
public sealed class PackageTests
{
    private static readonly string[] Libraries = ["Rx.IotLink", "Rx.IotLink.Server", "Rx.IotLink.Sqlite", "Rx.IotLink.PostgreSql", "Rx.IotLink.Nats", "Rx.IotLink.Dashboard", "Rx.IotLink.Mqtt", "Rx.IotLink.Hosting", "Rx.IotLink.Bridge", "Rx.IotLink.Testing"];
    private static readonly Guid EmbeddedSource = new("0E8A571B-6926-466E-B4AD-8AB04611F5FE");

    private readonly CompilerServer compiler = new();
    private string root = "";
    private string feed = "";

    [OneTimeSetUp]
    public async Task PackAsync()
    {
        root = Directory.CreateTempSubdirectory("iotlink-packages-").FullName;
        feed = Path.Combine(root, "feed");
        // What the tests were built from, as it is.
        var configuration = Path.GetFileName(Path.GetDirectoryName(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar)))!;
        var packed = await Dotnet.RunAsync(Repository.Root, Quiet, "pack", "Packages.slnf", "--no-build", "-c", configuration, "-o", feed);
        Assert.That(packed.Exit, Is.Zero, packed.ToString());
    }

    [OneTimeTearDown]
    public void CleanUp()
    {
        compiler.Dispose();
        Directory.Delete(root, recursive: true);
    }

    [Test]
    public void There_is_one_package_and_its_symbols_for_each_library_and_the_tool()
    {
        var names = Directory.GetFiles(feed).Select(file => Path.GetFileName(file).Replace(".0.1.0.", " ", StringComparison.Ordinal));
        Assert.That(names, Is.EquivalentTo(
            ((string[])[.. Libraries, "Rx.IotLink.Cli", .. Environments.Optional]).SelectMany(name => (string[])[$"{name} nupkg", $"{name} snupkg"]).Append("Rx.IotLink.Templates nupkg")));
    }

    [Test]
    public void Each_package_says_what_it_is([Values("Rx.IotLink", "Rx.IotLink.Server", "Rx.IotLink.Sqlite", "Rx.IotLink.PostgreSql", "Rx.IotLink.Nats", "Rx.IotLink.Dashboard", "Rx.IotLink.Mqtt", "Rx.IotLink.Hosting", "Rx.IotLink.Bridge", "Rx.IotLink.Testing", "Rx.IotLink.Cli", "Rx.IotLink.Templates")] string name)
    {
        using var package = Open(name, "nupkg");
        var metadata = XDocument.Load(package.GetEntry(name + ".nuspec")!.Open()).Root!.Elements().Single();
        string? Value(string element) => metadata.Elements().SingleOrDefault(e => e.Name.LocalName == element)?.Value;

        Assert.That(Value("license"), Is.EqualTo("MIT"));
        Assert.That(Value("description"), Is.Not.Empty.And.Not.EqualTo("Package Description"));
        Assert.That(Value("tags"), Does.Contain("iot"));
        Assert.That(Value("readme"), Is.EqualTo("README.md"));
        using var readme = new StreamReader(package.GetEntry("README.md")!.Open());
        Assert.That(readme.ReadToEnd(), Is.EqualTo(Repository.Read(name, "README.md")));
        Assert.That(Value("releaseNotes"), Is.Not.Empty.And.Not.Contains("## "));
        Assert.That(Repository.Read("CHANGELOG.md"), Does.Contain(Value("releaseNotes")!.Trim()), "the newest section of the changes");
        // No repository is named, so no page is.
        Assert.That(Value("projectUrl"), Is.Null);
        Assert.That(Value("icon"), Is.EqualTo("icon.png"));
        using var icon = package.GetEntry("icon.png")!.Open();
        Assert.That(Bytes(icon), Is.EqualTo(File.ReadAllBytes(Path.Combine(Repository.Root, "docs", "icon.png"))));
    }

    [TestCaseSource(nameof(Libraries))]
    public void Each_library_has_its_documentation_and_symbols_with_the_sources(string name)
    {
        using var package = Open(name, "nupkg");
        Assert.That(package.Entries.Select(e => e.FullName).Where(f => f.StartsWith("lib/", StringComparison.Ordinal)), Is.EquivalentTo([$"lib/net10.0/{name}.dll", $"lib/net10.0/{name}.xml"]));
        using var symbols = Open(name, "snupkg");
        using var pdb = MetadataReaderProvider.FromPortablePdbStream(Copy(symbols.GetEntry($"lib/net10.0/{name}.pdb")!));
        var reader = pdb.GetMetadataReader();
        var embedded = reader.CustomDebugInformation.Select(reader.GetCustomDebugInformation).Count(i => reader.GetGuid(i.Kind) == EmbeddedSource);
        Assert.That(embedded, Is.EqualTo(reader.Documents.Count), "there is no public repository to link to");
    }

    /// <summary>Nothing but the packages just made, and the feed of what they depend on.</summary>
    [Test]
    public async Task A_new_program_uses_the_packages_and_a_shell_the_tool()
    {
        var folder = Directory.CreateDirectory(Path.Combine(root, "program")).FullName;
        await NameFeedsAsync(folder);
        await File.WriteAllTextAsync(Path.Combine(folder, "program.csproj"), """
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <ImplicitUsings>enable</ImplicitUsings>
                <Nullable>enable</Nullable>
                <NuGetAudit>false</NuGetAudit>
              </PropertyGroup>
              <ItemGroup>
                <PackageReference Include="Rx.IotLink.Testing" Version="0.1.0" />
              </ItemGroup>
            </Project>
            """);
        await File.WriteAllTextAsync(Path.Combine(folder, "Program.cs"), """
            using System.Net;
            using System.Reactive.Linq;
            using Rx.IotLink;
            using Rx.IotLink.Server;
            using Rx.IotLink.Testing.Tcp;

            await using var server = await IotLinkServer.StartAsync(new() { Port = 0, Bind = IPAddress.Loopback });
            server.Links.SelectMany(link => link.Lines).Subscribe(line => Console.WriteLine($"received {line}"));
            await using var proxy = FaultProxy.Start(server.EndPoint);
            await using var client = IotLinkClient.Start(new() { Host = "127.0.0.1", Port = proxy.EndPoint.Port, Id = "pump-1" });
            await client.WriteAsync("before");
            proxy.Kill(reset: true);
            await client.WriteAsync("after");
            Console.WriteLine($"{server.GetConnections().Single().State.Connections} connections");
            """);
        var environment = new Dictionary<string, string>(Quiet, StringComparer.Ordinal) { ["NUGET_PACKAGES"] = Path.Combine(root, "packages") };

        var installing = Dotnet.RunAsync(folder, environment, "tool", "install", "Rx.IotLink.Cli", "--tool-path", Path.Combine(root, "tools"));
        var ran = await Dotnet.RunAsync(folder, environment, "run");
        var installed = await installing;

        Assert.That((ran.Exit, ran.Output.ReplaceLineEndings("\n").Trim()), Is.EqualTo((0, "received before\nreceived after\n2 connections")), ran.ToString());
        Assert.That(installed.Exit, Is.Zero, installed.ToString());
        var version = await Dotnet.RunAsync(Path.Combine(root, "tools", OperatingSystem.IsWindows() ? "iotlink.exe" : "iotlink"), folder, Environments.Root, "--version");
        Assert.That(version.Exit, Is.Zero, version.ToString());
        Assert.That(version.Output, Does.StartWith("0.1.0"));
    }

    /// <summary>
    /// The commands of the README, for a user whose home is empty; but for the first, which has been run already.
    /// </summary>
    [Test]
    [Platform("Linux")]
    public async Task The_README_installs_the_command_and_the_templates()
    {
        var templates = await NewTemplates.InstallAsync(Path.Combine(root, "readme"), feed, NameFeedsAsync, new(Quiet, StringComparer.Ordinal));
        Assert.That(templates.Installed.Exit, Is.Zero, templates.Installed.ToString());
        var version = await templates.RunAsync("iotlink --version");
        Assert.That(version.Exit, Is.Zero, version.ToString());
        Assert.That(version.Output, Does.StartWith("0.1.0"));

        var installed = await templates.RunAsync("dotnet new uninstall");
        Assert.That(installed.Output, Does.Contain("Version: 0.1.0"), "the package, and not the folder of a checkout");

        // docs/start-engineer.md: a server and tests from the templates.
        var built = await templates.RunAsync("dotnet new iotlink-server -o Fleet && dotnet build Fleet -warnaserror");
        Assert.That(built.Exit, Is.Zero, built.ToString());
        var port = FreePort.Get();
        await using (var fleet = templates.Start(string.Create(CultureInfo.InvariantCulture, $"cd Fleet; exec dotnet bin/Debug/net10.0/Fleet.dll --IotLink:Port {port}")))
        {
            await fleet.OutputAsync("Listening on");
            await using var pump = IotLinkProcess.Connect(port, "pump-1");
            await pump.WriteAsync("{\"celsius\":21.5}\nnonsense\n");
            Assert.That(await fleet.OutputAsync("°C"), Does.Contain("pump-1: 21.5 °C"));
            Assert.That(await fleet.OutputAsync("no reading"), Does.Contain("pump-1 sent a line of 8 characters that is no reading"));
            pump.EndInput();
            Assert.That(await pump.ExitAsync(), Is.Zero);
            fleet.Signal("TERM");
            Assert.That(await fleet.ExitAsync(), Is.Zero);
        }

        var tested = await templates.RunAsync("dotnet new iotlink-outage-tests -o Fleet.Tests && dotnet test Fleet.Tests -warnaserror");
        Assert.That(tested.Exit, Is.Zero, tested.ToString());
        Assert.That(tested.Output, Does.Match("Failed: +0, Passed: +4,"));
    }

    /// <summary>What the templates name is what this repository has.</summary>
    [TestCase("iotlink-server", "IotLinkServer1.csproj")]
    [TestCase("iotlink-outage-tests", "OutageTests1.csproj")]
    public void The_templates_name_the_versions_of_this_repository(string template, string project)
    {
        var references = XDocument.Parse(Repository.Read("Rx.IotLink.Templates", "templates", template, project)).Descendants("PackageReference").ToList();

        Assert.That(references, Is.Not.Empty);
        foreach (var reference in references)
        {
            var package = reference.Attribute("Include")!.Value;
            Assert.That(reference.Attribute("Version")!.Value, Is.EqualTo(package.StartsWith("Rx.IotLink", StringComparison.Ordinal) ? "0.1.0" : VersionOf(package)), package);
        }
    }

    [Test]
    public async Task A_compiler_with_the_package_reports_a_write_that_writes_nothing()
    {
        var folder = Directory.CreateDirectory(Path.Combine(root, "unwritten")).FullName;
        await NameFeedsAsync(folder);
        await File.WriteAllTextAsync(Path.Combine(folder, "unwritten.csproj"), """
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <TargetFramework>net10.0</TargetFramework>
                <NuGetAudit>false</NuGetAudit>
              </PropertyGroup>
              <ItemGroup>
                <PackageReference Include="Rx.IotLink" Version="0.1.0" />
              </ItemGroup>
            </Project>
            """);
        await File.WriteAllTextAsync(Path.Combine(folder, "Pump.cs"), """
            using Rx.IotLink;

            public static class Pump
            {
                public static void Start(ILink link) => link.Write("on");
            }
            """);
        var environment = new Dictionary<string, string>(Quiet, StringComparer.Ordinal) { ["NUGET_PACKAGES"] = Path.Combine(root, "packages-of-unwritten") };

        var built = await Dotnet.RunAsync(folder, environment, "build", "--nologo");

        Assert.That(built.Exit, Is.Zero, built.ToString());
        Assert.That(built.Output, Does.Contain("Pump.cs(5,45): warning IOTLINK001: 'Write' does nothing until somebody subscribes"));
    }

    [Test]
    public async Task The_programs_of_the_documents_are_built_as_pasted_and_the_first_ones_do_what_they_say()
    {
        var folder = Directory.CreateDirectory(Path.Combine(root, "pasted")).FullName;
        await NameFeedsAsync(folder);
        var port = FreePort.Get();
        var programs = new NewPrograms(folder, port, new(Quiet, StringComparer.Ordinal) { ["NUGET_PACKAGES"] = Path.Combine(root, "packages-of-pasted") });
        var built = await programs.BuildAsync();
        Assert.That(built.Exit, Is.Zero, built.ToString());

        // README, sections 1 and 2a: each waits for Enter, and says what the other one wrote.
        await using (var server = IotLinkProcess.StartProgram(programs.PathOf("README.md", 1)))
        await using (var client = IotLinkProcess.StartProgram(programs.PathOf("README.md", 2)))
        {
            Assert.That((await server.OutputAsync(1)).Single(), Does.Match("""^pump-1 [0-9a-f]{16}/1: \{"celsius":21\.5\}$"""));
            Assert.That(await client.OutputAsync(1), Is.EqualTo(["""to do: {"valve":"open"}"""]));
            client.EndInput();
            server.EndInput();
            Assert.That((await client.ExitAsync(), await server.ExitAsync()), Is.EqualTo((0, 0)));
        }

        // The guide to the fleet: it does not end before it has shown anything.
        await using var fleet = IotLinkProcess.StartProgram(programs.PathOf("docs/fleet.md", 1));
        await using var device = IotLinkProcess.Connect(port, "pump-1");
        Assert.That(await fleet.OutputAsync("pump-1 up"), Does.StartWith("pump-1 up, 0 lines"));
        fleet.EndInput();
        Assert.That(await fleet.ExitAsync(), Is.Zero);
    }

    /// <summary>What was just made, and the packages that it depends on.</summary>
    private Task NameFeedsAsync(string folder) => File.WriteAllTextAsync(Path.Combine(folder, "nuget.config"), $"""
        <configuration>
          <packageSources>
            <clear />
            <add key="made" value="{feed}" />
            <add key="reactive" value="{Path.Combine(Environments.PackagesFolder, "system.reactive", VersionOf("System.Reactive"))}" />
            {string.Concat(StoreFolders().Select((path, at) => $"""<add key="store{at}" value="{path}" />"""))}
          </packageSources>
        </configuration>
        """);

    /// <summary>What the packages need of others, in the versions that the tests were built with.</summary>
    private static IEnumerable<string> StoreFolders() =>
        from pattern in (string[])["microsoft.data.sqlite*", "sqlitepclraw.*", "npgsql", "nats.*", "mqttnet", "microsoft.extensions.*", "microsoft.aspnetcore.openapi", "microsoft.openapi", "system.io.ports", "runtime.*.system.io.ports", "nunit*", "microsoft.net.test.sdk", "microsoft.testplatform.*", "microsoft.testing.*", "microsoft.codecoverage", "microsoft.applicationinsights", "newtonsoft.json"]
        from package in Directory.EnumerateDirectories(Environments.PackagesFolder, pattern)
        from version in Directory.EnumerateDirectories(package)
        select version;

    /// <summary>No build server outlives the test.</summary>
    private Dictionary<string, string> Quiet => compiler.AddTo(new(Environments.Root, StringComparer.Ordinal) { ["MSBUILDDISABLENODEREUSE"] = "1", ["DOTNET_CLI_USE_MSBUILD_SERVER"] = "0" });

    /// <summary>The version of a package that this repository uses.</summary>
    internal static string VersionOf(string package) => XDocument.Parse(Repository.Read("Directory.Packages.props"))
        .Descendants("PackageVersion").Single(e => e.Attribute("Include")!.Value == package).Attribute("Version")!.Value;

    private ZipArchive Open(string name, string kind) => ZipFile.OpenRead(Path.Combine(feed, $"{name}.0.1.0.{kind}"));

    private static byte[] Bytes(Stream stream)
    {
        var copy = new MemoryStream();
        stream.CopyTo(copy);
        return copy.ToArray();
    }

    private static MemoryStream Copy(ZipArchiveEntry entry)
    {
        var copy = new MemoryStream();
        using var source = entry.Open();
        source.CopyTo(copy);
        copy.Position = 0;
        return copy;
    }

    /// <summary>What differs from machine to machine, and from build to build.</summary>
    private static class Environments
    {
#if DYNAMICDATA
        public static string[] Optional => ["Rx.IotLink.DynamicData"];
#else
        public static string[] Optional => [];
#endif

        public static string PackagesFolder =>
            Environment.GetEnvironmentVariable("NUGET_PACKAGES") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");

        /// <summary>A tool's own executable finds .NET by this, wherever it was installed.</summary>
        public static Dictionary<string, string> Root =>
            Path.GetDirectoryName(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH")) is { Length: > 0 } folder ? new(StringComparer.Ordinal) { ["DOTNET_ROOT"] = folder } : [];
    }
}
