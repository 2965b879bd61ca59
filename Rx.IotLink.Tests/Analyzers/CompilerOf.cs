using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeActions;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Text;
using NUnit.Framework;

namespace Rx.IotLink.Tests.Analyzers;

/// <summary>
/// Compiles a program of a user with an analyzer of ours, and applies its fix. (Microsoft's library for it asks for
/// versions of other packages that not every feed has.)
/// </summary>
internal static partial class CompilerOf<TAnalyzer, TFix>
    where TAnalyzer : DiagnosticAnalyzer, new()
    where TFix : CodeFixProvider, new()
{
    /// <summary>What this test process was built from: .NET, Rx and the libraries as they are now.</summary>
    private static readonly MetadataReference[] References =
    [
        .. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Where(path => Path.GetFileName(path) is var name && (name.StartsWith("System.", StringComparison.Ordinal) || name is "Rx.IotLink.dll" or "Rx.IotLink.Server.dll"))
            .Select(path => MetadataReference.CreateFromFile(path)),
    ];

    /// <summary>Fails unless just the marked places are reported.</summary>
    /// <param name="body">The statements of an async method, each reported place as {|ID:place|}.</param>
    public static async Task CheckAsync(string body)
    {
        using var workspace = new AdhocWorkspace();
        var (_, reported) = await CompileAsync(workspace, body);
        var expected = Mark().Matches(Program(body)).Select(mark => (mark.Groups["id"].Value, mark.Groups["place"].Value));
        var text = await reported.Document.GetTextAsync();
        Assert.That(reported.Diagnostics.Select(d => (d.Id, text.ToString(d.Location.SourceSpan))), Is.EquivalentTo(expected));
    }

    /// <summary>Fails unless a fix of the only report makes that of it, and that has no report.</summary>
    /// <param name="body">The statements of an async method.</param>
    /// <param name="which">Which of the offered fixes.</param>
    /// <param name="mended">What the fix makes of them.</param>
    public static async Task CheckFixAsync(string body, int which, string mended)
    {
        using var workspace = new AdhocWorkspace();
        var (document, reported) = await CompileAsync(workspace, body);
        var offered = new List<CodeAction>();
        await new TFix().RegisterCodeFixesAsync(new(document, reported.Diagnostics.Single(), (action, _) => offered.Add(action), CancellationToken.None));
        var operations = await offered[which].GetOperationsAsync(CancellationToken.None);
        var changed = operations.OfType<ApplyChangesOperation>().Single().ChangedSolution.GetDocument(document.Id)!;
        Assert.That((await changed.GetTextAsync()).ToString(), Is.EqualTo(Program(mended)));
        await CheckAsync(mended);
    }

    private static async Task<(Document Document, (Document Document, Diagnostic[] Diagnostics) Reported)> CompileAsync(AdhocWorkspace workspace, string body)
    {
        var plain = Mark().Replace(Program(body), mark => mark.Groups["place"].Value);
        var project = workspace.AddProject(ProjectInfo.Create(
            ProjectId.CreateNewId(), VersionStamp.Create(), "Program", "Program", LanguageNames.CSharp,
            compilationOptions: new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary), metadataReferences: References));
        var document = workspace.AddDocument(project.Id, "Program.cs", SourceText.From(plain));
        var compilation = await document.Project.GetCompilationAsync();
        Assert.That(compilation!.GetDiagnostics().Where(d => d.Severity == DiagnosticSeverity.Error), Is.Empty, "a program of a user");
        var found = await compilation.WithAnalyzers([new TAnalyzer()]).GetAnalyzerDiagnosticsAsync();
        return (document, (document, [.. found]));
    }

    private static string Program(string body) => $$"""
        using System;
        using System.Reactive.Concurrency;
        using System.Reactive.Linq;
        using System.Threading.Tasks;
        using Rx.IotLink;
        using Rx.IotLink.Server;

        class Pump
        {
            async Task RunAsync(ILink link, IotLinkServer server, IObservable<string> readings)
            {
                await Task.Yield();
                {{body}}
            }
        }
        """;

    [GeneratedRegex(@"\{\|(?<id>\w+):(?<place>.*?)\|\}", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Mark();
}
