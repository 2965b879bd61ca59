using System.Globalization;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Text;

namespace Rx.IotLink.Tests.Simulation.Planted;

/// <summary>
/// All bugs planted together, each asleep until a switch wakes it: to compile the library once, and let the runtime
/// translate it once, takes a small part of the time that it takes for each bug. A body with bugs in it becomes
/// <c>if (the first is awake) { its body } else if … else { the true body }</c>.
/// </summary>
internal static class AllPlanted
{
    /// <summary>The class with the switch, and its field: the number of the bug that is awake, 0 for none.</summary>
    public const string Switch = "Rx.IotLink.PlantedBugs";

    public const string Awake = "Awake";

    public const string SwitchSource = "namespace Rx.IotLink; internal static class PlantedBugs { public static int Awake; }";

    /// <summary>
    /// The source with these bugs in it, and those of them that are not: they change more than the body of a member.
    /// </summary>
    public static (string Source, IReadOnlyList<int> Left) Plant(string source, IEnumerable<(int Number, string WithBug)> bugs, CSharpParseOptions language)
    {
        var bodies = Bodies(source, language);
        var alternatives = bodies.ConvertAll(_ => new List<(int Number, Body Body)>());
        var left = new List<int>();
        foreach (var (number, withBug) in bugs)
        {
            var theirs = Bodies(withBug, language);
            if (Skeleton(source, bodies) != Skeleton(withBug, theirs))
            {
                left.Add(number);
                continue;
            }

            for (var i = 0; i < bodies.Count; i++)
            {
                if (theirs[i].Statements != bodies[i].Statements)
                    alternatives[i].Add((number, theirs[i]));
            }
        }

        var changes =
            from pair in bodies.Zip(alternatives)
            where pair.Second.Count > 0
            select new TextChange(pair.First.Span, pair.First.With(pair.Second));
        return (SourceText.From(source).WithChanges(changes).ToString(), left);
    }

    private static List<Body> Bodies(string source, CSharpParseOptions language) =>
    [
        .. from node in CSharpSyntaxTree.ParseText(source, language).GetRoot().DescendantNodes(node => node is not (BlockSyntax or ArrowExpressionClauseSyntax))
           let body = Body.Of(node)
           where body is not null
           select body
    ];

    /// <summary>All but the bodies.</summary>
    private static string Skeleton(string source, List<Body> bodies) =>
        SourceText.From(source).WithChanges(bodies.Select(body => new TextChange(body.Span, ";"))).ToString();

    /// <summary>The body of a member.</summary>
    /// <param name="Span">Where it is, with the semicolon after an expression.</param>
    /// <param name="Statements">What is done there, as statements.</param>
    /// <param name="IsWholeProperty">Whether it is that of a property without accessors.</param>
    private sealed record Body(TextSpan Span, string Statements, bool IsWholeProperty)
    {
        public static Body? Of(SyntaxNode node) => (node, node.Parent) switch
        {
            (BlockSyntax block, BaseMethodDeclarationSyntax or AccessorDeclarationSyntax) =>
                new(block.Span, string.Concat(block.Statements.Select(s => s.ToFullString())), IsWholeProperty: false),
            (ArrowExpressionClauseSyntax { Expression: var expression } arrow, { } member) =>
                new(TextSpan.FromBounds(arrow.SpanStart, member.Span.End), Statement(expression, member), member is BasePropertyDeclarationSyntax),
            _ => null,
        };

        public string With(List<(int Number, Body Body)> alternatives)
        {
            var text = new StringBuilder(IsWholeProperty ? "{ get {" : "{");
            foreach (var (number, body) in alternatives)
                text.Append(CultureInfo.InvariantCulture, $" if (global::{Switch}.{Awake} == {number}) {{ {body.Statements} }} else");
            return text.Append(CultureInfo.InvariantCulture, $" {{ {Statements} }} }}").Append(IsWholeProperty ? " }" : "").ToString();
        }

        private static string Statement(ExpressionSyntax expression, SyntaxNode member) =>
            expression is ThrowExpressionSyntax || !GivesValue(member) ? $"{expression};" : $"return {expression};";

        private static bool GivesValue(SyntaxNode member) => member switch
        {
            MethodDeclarationSyntax method =>
                method.ReturnType is not PredefinedTypeSyntax { Keyword.RawKind: (int)SyntaxKind.VoidKeyword }
                && !(method.Modifiers.Any(SyntaxKind.AsyncKeyword) && method.ReturnType is IdentifierNameSyntax),
            AccessorDeclarationSyntax accessor => accessor.IsKind(SyntaxKind.GetAccessorDeclaration),
            ConstructorDeclarationSyntax or DestructorDeclarationSyntax => false,
            _ => true,
        };
    }
}
