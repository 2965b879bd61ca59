using System.Reflection;
using System.Runtime.Loader;
using System.Xml.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Rx.IotLink.Tests.House;

namespace Rx.IotLink.Tests.Simulation.Planted;

/// <summary>
/// The library, compiled from the sources of the checkout with a bug in it or none, in a world of its own together with
/// its server, the simulated network and the soak.
/// </summary>
internal sealed class MutatedLibrary : AssemblyLoadContext, IDisposable
{
    private const string Project = "Rx.IotLink";

    /// <summary>What is loaded anew beside the library, since it must find this library and not the true one.</summary>
    private static readonly string[] Companions = ["Rx.IotLink.Server", "Rx.IotLink.Testing", "Soak"];

    private static readonly CSharpParseOptions Language = new(LanguageVersion.Preview, DocumentationMode.None);

    private static readonly Lazy<Dictionary<string, SyntaxTree>> Sources = new(Parse);

    private static readonly Lazy<CSharpCompilation> True = new(() => CSharpCompilation.Create(
        Project,
        [.. Sources.Value.Values, CSharpSyntaxTree.ParseText(Surroundings, Language)],
        References,
        new(OutputKind.DynamicallyLinkedLibrary, optimizationLevel: OptimizationLevel.Release, generalDiagnosticOption: ReportDiagnostic.Suppress, deterministic: true)));

    private readonly byte[] image;
    private readonly MethodInfo settingOf;
    private readonly MethodInfo faultsOf;
    private readonly MethodInfo run;

    /// <summary>The library with a bug, or (null) as it is.</summary>
    public MutatedLibrary(PlantedBug? bug)
        : base(bug?.Name ?? "no bug", isCollectible: true)
    {
        image = Compile(bug);
        var soak = LoadFromAssemblyName(new AssemblyName("Soak"));
        var (setting, trial) = (soak.GetType("Soak.Setting", throwOnError: true)!, soak.GetType("Soak.Trial", throwOnError: true)!);
        (settingOf, faultsOf, run) = (setting.GetMethod("Of")!, setting.GetMethod("Faults")!, trial.GetMethod("Run")!);
    }

    /// <summary>Lives the life of a seed. What was wrong with it, or null.</summary>
    public string? Live(int seed, int protocol)
    {
        var setting = settingOf.Invoke(null, [seed, protocol, null])!;
        var result = run.Invoke(null, [setting, faultsOf.Invoke(setting, null)])!;
        return Get<bool>(result, "IsFlawless") ? null : Get<string>(result, "Complaint");
    }

    /// <summary>Lets go of it; it is gone when nothing of it runs any more.</summary>
    public void Dispose() => Unload();

    /// <inheritdoc/>
    protected override Assembly? Load(AssemblyName assemblyName)
    {
        if (assemblyName.Name == Project)
            return LoadFromStream(new MemoryStream(image));
        return Companions.Contains(assemblyName.Name) ? LoadFromAssemblyPath(Path.Combine(AppContext.BaseDirectory, $"{assemblyName.Name}.dll")) : null;
    }

    private static byte[] Compile(PlantedBug? bug)
    {
        var compilation = True.Value;
        if (bug is not null)
        {
            var tree = Sources.Value.TryGetValue(bug.File, out var found) ? found : throw new InvalidOperationException($"The bug '{bug}' cannot be planted: there is no {bug.File}.");
            compilation = compilation.ReplaceSyntaxTree(tree, CSharpSyntaxTree.ParseText(bug.PlantIn(tree.ToString()), Language));
        }

        using var compiled = new MemoryStream();
        var result = compilation.Emit(compiled);
        var errors = result.Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error).ToList();
        return errors.Count == 0
            ? compiled.ToArray()
            : throw new InvalidOperationException($"The library does not compile with {(bug is null ? "no bug" : $"the bug '{bug}'")} in it: {string.Join(Environment.NewLine, errors)}");
    }

    private static Dictionary<string, SyntaxTree> Parse() => Directory.EnumerateFiles(Path.Combine(Repository.Root, Project), "*.cs", SearchOption.AllDirectories)
        .Select(file => Path.GetRelativePath(Repository.Root, file).Replace('\\', '/'))
        .Where(file => file.Split('/')[1] is not ("bin" or "obj"))
        .ToDictionary(file => file, file => (SyntaxTree)CSharpSyntaxTree.ParseText(Repository.Read(file).ReplaceLineEndings("\n"), Language), StringComparer.Ordinal);

    /// <summary>What the build makes of the project's settings.</summary>
    private static string Surroundings =>
        $"""
        global using System; global using System.Collections.Generic; global using System.IO; global using System.Linq;
        global using System.Net.Http; global using System.Threading; global using System.Threading.Tasks;
        {string.Join('\n', Friends.Select(friend => $"[assembly: System.Runtime.CompilerServices.InternalsVisibleTo(\"{friend}\")]"))}
        [assembly: System.Reflection.AssemblyVersion("{typeof(ILink).Assembly.GetName().Version}")]
        """;

    private static IEnumerable<string> Friends =>
        XDocument.Parse(Repository.Read(Project, $"{Project}.csproj")).Descendants("InternalsVisibleTo").Select(e => e.Attribute("Include")!.Value);

    /// <summary>The framework and what the library uses: not the library itself.</summary>
    private static IEnumerable<MetadataReference> References =>
        from path in ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
        where Path.GetDirectoryName(path) != AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar) || Path.GetFileName(path) == "System.Reactive.dll"
        select MetadataReference.CreateFromFile(path);

    private static T Get<T>(object of, string property) => (T)of.GetType().GetProperty(property)!.GetValue(of)!;
}
