using System.Collections.Immutable;
using System.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;

namespace Rx.IotLink.Analyzers;

/// <summary>
/// Finds statements whose value is an observable of this library, also behind operators: nobody subscribes, so a line
/// is never written.
/// </summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class NothingHappensAnalyzer : DiagnosticAnalyzer
{
    /// <inheritdoc/>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } = [Rules.NothingHappens];

    /// <inheritdoc/>
    public override void Initialize(AnalysisContext context)
    {
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.EnableConcurrentExecution();
        context.RegisterCompilationStartAction(static start =>
        {
            if (start.Compilation.GetTypeByMetadataName("System.IObservable`1") is { } observable)
                start.RegisterOperationAction(statement => Look(statement, observable), OperationKind.ExpressionStatement);
        });
    }

    private static void Look(OperationAnalysisContext context, INamedTypeSymbol observable)
    {
        var value = ((IExpressionStatementOperation)context.Operation).Operation;
        if (value is ISimpleAssignmentOperation { Target: IDiscardOperation, Value: var thrownAway })
            value = thrownAway;
        var ours = Chain.Upwards(value).OfType<IInvocationOperation>().FirstOrDefault(call => Chain.IsOurs(call.TargetMethod));
        if (ours is not null && IsObservable(value.Type, observable) && IsObservable(ours.Type, observable))
            context.ReportDiagnostic(Diagnostic.Create(Rules.NothingHappens, value.Syntax.GetLocation(), ours.TargetMethod.Name));
    }

    private static bool IsObservable(ITypeSymbol? type, INamedTypeSymbol observable) =>
        SymbolEqualityComparer.Default.Equals(type?.OriginalDefinition, observable);
}
