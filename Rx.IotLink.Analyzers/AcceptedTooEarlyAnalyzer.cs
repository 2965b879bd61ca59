using System.Collections.Immutable;
using System.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;

namespace Rx.IotLink.Analyzers;

/// <summary>
/// Finds operators that put the lines of a link into a queue. The queue's OnNext returns at once, and then the line is
/// accepted, although nobody has handled it.
/// </summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class AcceptedTooEarlyAnalyzer : DiagnosticAnalyzer
{
    private static readonly ImmutableHashSet<string> Queueing = ["ObserveOn", "Delay"];

    private static readonly ImmutableHashSet<string> Accepting = ["Lines", "Utf8Lines"];

    /// <inheritdoc/>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } = [Rules.AcceptedTooEarly];

    /// <inheritdoc/>
    public override void Initialize(AnalysisContext context)
    {
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.EnableConcurrentExecution();
        context.RegisterOperationAction(Look, OperationKind.Invocation);
    }

    private static void Look(OperationAnalysisContext context)
    {
        var call = (IInvocationOperation)context.Operation;
        if (!Queueing.Contains(call.TargetMethod.Name) || call.TargetMethod.ContainingAssembly?.Name != "System.Reactive")
            return;

        // Also where the lines come from a lambda: server.Links.SelectMany(link => link.Lines).
        if (Chain.Source(call) is { } source && source.DescendantsAndSelf().OfType<IPropertyReferenceOperation>().Any(AcceptsWhenObserversReturn))
            context.ReportDiagnostic(Diagnostic.Create(Rules.AcceptedTooEarly, NameOf(call).GetLocation(), call.TargetMethod.Name));
    }

    private static bool AcceptsWhenObserversReturn(IPropertyReferenceOperation read) => Accepting.Contains(read.Property.Name) && Chain.IsOurs(read.Property);

    /// <summary>The name of the operator, not all of the chain before it.</summary>
    private static SyntaxNode NameOf(IInvocationOperation call) =>
        call.Syntax.ChildNodes().FirstOrDefault()?.ChildNodes().LastOrDefault() ?? call.Syntax;
}
