using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using NUnit.Framework;

namespace Rx.IotLink.Tests.House;

/// <summary>Every C# snippet of the README and of the guides compiles against the libraries as they are.</summary>
public sealed partial class ReadmeTests
{
    /// <summary>
    /// What a new program may use without saying so (<c>dotnet new console</c>), and nothing of ours.
    /// </summary>
    private const string Implicit = """
        global using System; global using System.IO; global using System.Linq; global using System.Net.Http; global using System.Threading; global using System.Threading.Tasks;
        global using System.Collections.Generic;
        """;

    /// <summary>The same of a new web application (<c>dotnet new web</c>).</summary>
    private const string ImplicitWeb = """
        global using System.Net.Http.Json; global using Microsoft.AspNetCore.Builder; global using Microsoft.AspNetCore.Hosting; global using Microsoft.AspNetCore.Http;
        global using Microsoft.AspNetCore.Routing; global using Microsoft.Extensions.Configuration; global using Microsoft.Extensions.DependencyInjection;
        global using Microsoft.Extensions.Hosting; global using Microsoft.Extensions.Logging;
        """;

    private static readonly MetadataReference[] References =
        [.. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator).Select(p => MetadataReference.CreateFromFile(p))];

    [TestCaseSource(nameof(Snippets))]
    public void Compiles(string snippet) => Compile(snippet);

#if DYNAMICDATA
    [Test]
    public void Those_with_DynamicData_compile()
    {
        var snippets = FenceOfDynamicData().Matches(Repository.Read("docs", "fleet.md"));
        Assert.That(snippets, Is.Not.Empty);
        foreach (Match snippet in snippets)
            Compile(snippet.Groups["code"].Value);
    }

    [GeneratedRegex("^```c# DynamicData\n(?<code>.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex FenceOfDynamicData();
#endif

    private static void Compile(string snippet)
    {
        var options = new CSharpParseOptions(LanguageVersion.Preview);
        var tree = CSharpSyntaxTree.ParseText(snippet, options);
        var surroundings = CSharpSyntaxTree.ParseText(Snippet.IsWeb(snippet) ? Implicit + ImplicitWeb : Implicit, options);
        var compilation = CSharpCompilation.Create("snippet", [tree, surroundings], References, new CSharpCompilationOptions(KindOf(tree), nullableContextOptions: NullableContextOptions.Enable));

        Assert.That(compilation.GetDiagnostics().Where(d => d.Severity == DiagnosticSeverity.Error), Is.Empty, snippet);
    }

    /// <summary>A program, or types that would be part of one.</summary>
    private static OutputKind KindOf(SyntaxTree tree) =>
        tree.GetRoot().ChildNodes().OfType<GlobalStatementSyntax>().Any() ? OutputKind.ConsoleApplication : OutputKind.DynamicallyLinkedLibrary;

    private static IEnumerable<TestCaseData> Snippets() =>
        from snippet in Snippet.All()
        select new TestCaseData(snippet.Code).SetArgDisplayNames($"{snippet.File} {snippet.Number}");
}
