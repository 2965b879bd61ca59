using System.Reflection;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Rx.IotLink.Tests.House;

namespace NanoTests;

/// <summary>
/// Compiles sources as nanoFramework 1.x does: C# 9, against the members it has (nano-api.txt) and nothing else. And
/// finds what compiles there and fails on the device.
/// </summary>
internal static class NanoCheck
{
    /// <summary>Where nanoFramework's mscorlib is.</summary>
    public static string CoreLibrary { get; } = typeof(NanoCheck).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(m => m.Key == "NanoCoreLibrary").Value!;

    private static readonly CSharpParseOptions Language = new(LanguageVersion.CSharp9, preprocessorSymbols: ["NANOFRAMEWORK_1_0"]);

    private static readonly Lazy<MetadataReference> Library = new(() =>
    {
        var api = CSharpCompilation.Create("mscorlib", [Parse(Repository.Read("Rx.IotLink.Tests", "Nano", "nano-api.txt"))], options: new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary));
        var errors = api.GetDiagnostics().Where(d => d.Severity == DiagnosticSeverity.Error).ToList();
        return errors.Count == 0 ? api.ToMetadataReference() : throw new InvalidOperationException($"nano-api.txt does not compile:\n{string.Join('\n', errors)}");
    });

    // The real library of the device, and of the list only what that has not: the other packages' types.
    private static readonly Lazy<MetadataReference[]> RealLibrary = new(() =>
    {
        var core = MetadataReference.CreateFromFile(CoreLibrary);
        var there = ((IAssemblySymbol)CSharpCompilation.Create("probe", references: [core]).GetAssemblyOrModuleSymbol(core)!).GlobalNamespace;
        var list = (CompilationUnitSyntax)Parse(Repository.Read("Rx.IotLink.Tests", "Nano", "nano-api.txt")).GetRoot();
        var known = list.DescendantNodes().OfType<MemberDeclarationSyntax>()
            .Where(type => type is BaseTypeDeclarationSyntax or DelegateDeclarationSyntax && type.Parent is BaseNamespaceDeclarationSyntax && IsThere(there, type));
        var rest = CSharpCompilation.Create(
            "rest", [CSharpSyntaxTree.Create(list.RemoveNodes(known, SyntaxRemoveOptions.KeepNoTrivia)!, Language)], [core], new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary));
        var errors = rest.GetDiagnostics().Where(d => d.Severity == DiagnosticSeverity.Error).ToList();
        return errors.Count == 0 ? [core, rest.ToMetadataReference()] : throw new InvalidOperationException($"The rest of nano-api.txt does not compile:\n{string.Join('\n', errors)}");
    });

    /// <summary>The errors of these sources against the device's real mscorlib.</summary>
    public static IReadOnlyList<string> ErrorsOf(params IEnumerable<string> sources) => [.. Compile(RealLibrary.Value, sources).GetDiagnostics().Where(d => d.Severity == DiagnosticSeverity.Error).Select(d => d.ToString())];

    /// <summary>Their image, as the device's compiler makes it.</summary>
    public static MemoryStream ImageOf(params IEnumerable<string> sources)
    {
        var image = new MemoryStream();
        var result = Compile(RealLibrary.Value, sources).Emit(image);
        if (!result.Success)
            throw new InvalidOperationException(string.Join('\n', result.Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error)));
        image.Position = 0;
        return image;
    }

    /// <summary>What is wrong with these sources, each with its place.</summary>
    public static IReadOnlyList<string> FaultsOf(params IEnumerable<string> sources)
    {
        var compilation = Compile([Library.Value], sources);
        var trees = compilation.SyntaxTrees;
        var errors = compilation.GetDiagnostics().Where(d => d.Severity == DiagnosticSeverity.Error).Select(d => d.ToString());
        var constructs = trees.SelectMany(tree => Constructs(tree, compilation.GetSemanticModel(tree)));
        return [.. errors, .. constructs];
    }

    private static CSharpCompilation Compile(IEnumerable<MetadataReference> library, IEnumerable<string> sources) => CSharpCompilation.Create(
        "device",
        sources.Select(s => s.EndsWith(".cs", StringComparison.Ordinal) ? Parse(File.ReadAllText(s), s) : Parse(s)),
        library,
        new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, optimizationLevel: OptimizationLevel.Release));

    private static bool IsThere(INamespaceSymbol root, MemberDeclarationSyntax type)
    {
        INamespaceOrTypeSymbol? at = root;
        foreach (var part in ((BaseNamespaceDeclarationSyntax)type.Parent!).Name.ToString().Split('.'))
            at = at?.GetMembers(part).OfType<INamespaceSymbol>().FirstOrDefault();
        var (name, arity) = type switch
        {
            TypeDeclarationSyntax declared => (declared.Identifier.Text, declared.TypeParameterList?.Parameters.Count ?? 0),
            DelegateDeclarationSyntax declared => (declared.Identifier.Text, declared.TypeParameterList?.Parameters.Count ?? 0),
            _ => (((BaseTypeDeclarationSyntax)type).Identifier.Text, 0),
        };
        return at?.GetTypeMembers(name, arity).IsEmpty == false;
    }

    private static SyntaxTree Parse(string text, string path = "") => CSharpSyntaxTree.ParseText(text, Language, path);

    private static IEnumerable<string> Constructs(SyntaxTree tree, SemanticModel model) =>
        from node in tree.GetRoot().DescendantNodes()
        let fault = Fault(node, model)
        where fault is not null
        select $"{node.GetLocation().GetLineSpan()}: {fault}: {node.ToString().Split('\n')[0]}";

    private static string? Fault(SyntaxNode node, SemanticModel model) => node switch
    {
        TypeDeclarationSyntax { TypeParameterList: not null } or DelegateDeclarationSyntax { TypeParameterList: not null } => "own generic type",
        MethodDeclarationSyntax { TypeParameterList: not null } or LocalFunctionStatementSyntax { TypeParameterList: not null } => "own generic method",
        GenericNameSyntax => "generic type or method",
        RecordDeclarationSyntax => "record",
        TupleTypeSyntax or TupleExpressionSyntax => "tuple",
        NullableTypeSyntax => "nullable type",
        ArrayRankSpecifierSyntax { Rank: > 1 } => "array of several dimensions",
        AwaitExpressionSyntax => "await",
        YieldStatementSyntax => "yield",
        QueryExpressionSyntax => "LINQ",
        RangeExpressionSyntax => "range",
        StackAllocArrayCreationExpressionSyntax or UnsafeStatementSyntax => "unsafe code",
        BaseMethodDeclarationSyntax { Parent: InterfaceDeclarationSyntax } method when method.Body is not null || method.ExpressionBody is not null => "default interface member",
        AccessorDeclarationSyntax { Parent.Parent.Parent: InterfaceDeclarationSyntax } accessor when accessor.Body is not null || accessor.ExpressionBody is not null => "default interface member",
        PropertyDeclarationSyntax { Parent: InterfaceDeclarationSyntax, ExpressionBody: not null } => "default interface member",
        MemberDeclarationSyntax member when member.Modifiers.Any(SyntaxKind.VolatileKeyword) => "volatile",
        MemberDeclarationSyntax member when member.Modifiers.Any(SyntaxKind.AsyncKeyword) => "async",
        ExpressionSyntax expression => EnumerationFault(expression, model),
        _ => null,
    };

    /// <summary>An enumeration that becomes a text or an object is a number on the device.</summary>
    private static string? EnumerationFault(ExpressionSyntax expression, SemanticModel model)
    {
        if (expression is InvocationExpressionSyntax { Expression: MemberAccessExpressionSyntax { Name.Identifier.Text: "ToString" } call } && IsEnumeration(model.GetTypeInfo(call.Expression).Type))
            return "enumeration to text";
        if (expression.Parent is MemberAccessExpressionSyntax && expression.Parent.Parent is InvocationExpressionSyntax)
            return null;
        var type = model.GetTypeInfo(expression);
        if (!IsEnumeration(type.Type))
            return null;
        var becomesText = expression.Parent is InterpolationSyntax
            || (expression.Parent is BinaryExpressionSyntax binary && binary.IsKind(SyntaxKind.AddExpression) && model.GetTypeInfo(binary).Type?.SpecialType == SpecialType.System_String);
        return becomesText || type.ConvertedType is { IsValueType: false } ? "enumeration to text or object" : null;
    }

    private static bool IsEnumeration(ITypeSymbol? type) => type?.TypeKind == TypeKind.Enum;
}
