using System.Collections.Immutable;
using System.Composition;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeActions;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Rx.IotLink.Analyzers;

namespace Rx.IotLink.CodeFixes;

/// <summary>
/// Has the work done: subscribes to the observable; or, for a line in an async method, waits until it is accepted.
/// </summary>
[ExportCodeFixProvider(LanguageNames.CSharp)]
[Shared]
public sealed class SubscribeFix : CodeFixProvider
{
    private const string Subscribes = "Subscribe";
    private const string Awaits = "Await WriteAsync";

    /// <inheritdoc/>
    public override ImmutableArray<string> FixableDiagnosticIds { get; } = [Rules.NothingHappensId];

    /// <inheritdoc/>
    public override FixAllProvider GetFixAllProvider() => WellKnownFixAllProviders.BatchFixer;

    /// <inheritdoc/>
    public override async Task RegisterCodeFixesAsync(CodeFixContext context)
    {
        var root = await context.Document.GetSyntaxRootAsync(context.CancellationToken).ConfigureAwait(false);
        if (root?.FindNode(context.Span, getInnermostNodeForTie: true) is not ExpressionSyntax value)
            return;
        foreach (var diagnostic in context.Diagnostics)
        {
            if (Written(value) is { } written && IsInAsync(value))
                Register(context, diagnostic, Awaits, root, value, SyntaxFactory.AwaitExpression(Renamed(written)));
            Register(context, diagnostic, Subscribes, root, value, Subscribed(value));
        }
    }

    private static void Register(CodeFixContext context, Diagnostic diagnostic, string title, SyntaxNode root, ExpressionSyntax value, ExpressionSyntax instead) =>
        context.RegisterCodeFix(CodeAction.Create(title, _ => Task.FromResult(Replaced(context.Document, root, value, instead)), title), diagnostic);

    private static Document Replaced(Document document, SyntaxNode root, ExpressionSyntax value, ExpressionSyntax instead)
    {
        // A discard is of no use any more.
        var old = value.Parent is AssignmentExpressionSyntax discard ? discard : value;
        return document.WithSyntaxRoot(root.ReplaceNode(old, instead.WithTriviaFrom(old)));
    }

    private static InvocationExpressionSyntax Subscribed(ExpressionSyntax value) =>
        SyntaxFactory.InvocationExpression(SyntaxFactory.MemberAccessExpression(
            SyntaxKind.SimpleMemberAccessExpression, value.WithoutTrivia(), SyntaxFactory.IdentifierName("Subscribe")));

    /// <summary>A call of Write itself, without an operator behind it.</summary>
    private static InvocationExpressionSyntax? Written(ExpressionSyntax value) =>
        value is InvocationExpressionSyntax { Expression: MemberAccessExpressionSyntax { Name.Identifier.ValueText: "Write" } } call ? call : null;

    private static InvocationExpressionSyntax Renamed(InvocationExpressionSyntax written) =>
        written.WithoutTrivia().WithExpression(((MemberAccessExpressionSyntax)written.Expression).WithName(SyntaxFactory.IdentifierName("WriteAsync")));

    private static bool IsInAsync(SyntaxNode node)
    {
        foreach (var outer in node.Ancestors())
        {
            switch (outer)
            {
                case AnonymousFunctionExpressionSyntax function:
                    return function.AsyncKeyword != default;
                case LocalFunctionStatementSyntax function:
                    return function.Modifiers.Any(SyntaxKind.AsyncKeyword);
                case MethodDeclarationSyntax method:
                    return method.Modifiers.Any(SyntaxKind.AsyncKeyword);
                case GlobalStatementSyntax:
                    return true;
            }
        }

        return false;
    }
}
