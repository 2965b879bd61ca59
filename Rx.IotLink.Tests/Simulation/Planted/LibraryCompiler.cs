using System.Xml.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Rx.IotLink.Tests.House;

namespace Rx.IotLink.Tests.Simulation.Planted;

/// <summary>Compiles the library from the sources of the checkout, with changes.</summary>
internal sealed class LibraryCompiler
{
    private const string Project = MutatedLibrary.Project;

    private readonly Dictionary<string, SyntaxTree> sources = Parse();

    /// <summary>As all sources are read.</summary>
    public static CSharpParseOptions Language { get; } = new(LanguageVersion.Preview, DocumentationMode.None);

    /// <summary>The source of a file as it is.</summary>
    public string SourceOf(PlantedBug bug) => sources.TryGetValue(bug.File, out var found)
        ? found.ToString()
        : throw new InvalidOperationException($"The bug '{bug}' cannot be planted: there is no {bug.File}.");

    /// <summary>The library with these files instead of its own.</summary>
    /// <param name="changed">Their sources, by their paths from the root of the checkout.</param>
    /// <param name="with">What is in it, for the exception if that does not compile.</param>
    public byte[] Compile(IReadOnlyDictionary<string, string> changed, string with)
    {
        var compilation = CSharpCompilation.Create(
            Project,
            [.. sources.Select(s => changed.TryGetValue(s.Key, out var text) ? Parse(text) : s.Value), Parse(AllPlanted.SwitchSource), Parse(Surroundings)],
            References,
            new(OutputKind.DynamicallyLinkedLibrary, optimizationLevel: OptimizationLevel.Release, generalDiagnosticOption: ReportDiagnostic.Suppress, deterministic: true));
        using var compiled = new MemoryStream();
        var result = compilation.Emit(compiled);
        var errors = result.Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error).Select(d => $"{d.GetMessage()}: {LineOf(d.Location)}").ToList();
        return errors.Count == 0
            ? compiled.ToArray()
            : throw new InvalidOperationException($"The library does not compile with {with} in it: {string.Join(Environment.NewLine, errors)}");
    }

    private static string LineOf(Location location) => location.SourceTree?.GetText().Lines[location.GetLineSpan().StartLinePosition.Line].ToString().Trim() ?? "";

    private static Dictionary<string, SyntaxTree> Parse() => Directory.EnumerateFiles(Path.Combine(Repository.Root, Project), "*.cs", SearchOption.AllDirectories)
        .Select(file => Path.GetRelativePath(Repository.Root, file).Replace('\\', '/'))
        .Where(file => file.Split('/')[1] is not ("bin" or "obj"))
        .ToDictionary(file => file, file => Parse(Repository.Read(file).ReplaceLineEndings("\n")), StringComparer.Ordinal);

    private static SyntaxTree Parse(string source) => CSharpSyntaxTree.ParseText(source, Language);

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
}
