using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using NUnit.Framework;

namespace Rx.IotLink.Tests.House;

/// <summary>Every C# snippet of the README and of the guides compiles against the libraries as they are.</summary>
public sealed partial class ReadmeTests
{
    /// <summary>What a snippet may use without saying so: its surroundings in a reader's mind.</summary>
    private const string Surroundings = """
        using System; using System.Collections.Generic; using System.IO; using System.Linq; using System.Threading; using System.Threading.Tasks;
        using System.Reactive; using System.Reactive.Concurrency; using System.Reactive.Linq; using System.Text.Json; using System.Text.Json.Serialization;
        using Microsoft.AspNetCore.Builder; using Microsoft.AspNetCore.Hosting; using Microsoft.Extensions.DependencyInjection; using Microsoft.Extensions.Hosting;
        using Rx.IotLink; using Rx.IotLink.Server;
        """;

    private static readonly MetadataReference[] References =
        [.. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator).Select(p => MetadataReference.CreateFromFile(p))];

    [TestCaseSource(nameof(Snippets))]
    public void Compiles(string snippet) => Compile("", snippet);

#if DYNAMICDATA
    [Test]
    public void Those_with_DynamicData_compile()
    {
        var snippets = FenceOfDynamicData().Matches(Repository.Read("docs", "fleet.md"));
        Assert.That(snippets, Is.Not.Empty);
        foreach (Match snippet in snippets)
            Compile("using DynamicData; using DynamicData.Binding;", snippet.Groups["code"].Value);
    }

    [GeneratedRegex("^```c# DynamicData\n(?<code>.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex FenceOfDynamicData();
#endif

    private static void Compile(string more, string snippet)
    {
        var tree = CSharpSyntaxTree.ParseText(Surroundings + more + "\n" + snippet, new CSharpParseOptions(LanguageVersion.Preview));
        var compilation = CSharpCompilation.Create("snippet", [tree], References, new CSharpCompilationOptions(KindOf(tree), nullableContextOptions: NullableContextOptions.Enable));

        Assert.That(compilation.GetDiagnostics().Where(d => d.Severity == DiagnosticSeverity.Error), Is.Empty, snippet);
    }

    /// <summary>A program, or types that would be part of one.</summary>
    private static OutputKind KindOf(SyntaxTree tree) =>
        tree.GetRoot().ChildNodes().OfType<GlobalStatementSyntax>().Any() ? OutputKind.ConsoleApplication : OutputKind.DynamicallyLinkedLibrary;

    private static IEnumerable<TestCaseData> Snippets() =>
        from file in Directory.EnumerateFiles(Path.Combine(Repository.Root, "docs"), "*.md")
            .Prepend(Path.Combine(Repository.Root, "README.md"))
            .Concat(Directory.EnumerateDirectories(Repository.Root, "Rx.IotLink*").Select(project => Path.Combine(project, "README.md")).Where(File.Exists))
        from match in Fence().Matches(File.ReadAllText(file)).Select((m, at) => (Code: m.Groups["code"].Value, At: at + 1))
        select new TestCaseData(match.Code).SetArgDisplayNames($"{Path.GetRelativePath(Repository.Root, file)} {match.At}");

    [GeneratedRegex("^```csharp\n(?<code>.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Fence();
}
