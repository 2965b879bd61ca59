using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using NUnit.Framework;
using Rx.IotLink.PostgreSql;
using Rx.IotLink.Server;
using Rx.IotLink.Sqlite;
using Rx.IotLink.Testing.Tcp;

namespace Rx.IotLink.Tests.House;

/// <summary>
/// The public API is kept in files, so that no change of it goes unseen. After a wanted change, run the tests once with
/// the environment variable UPDATE_PUBLIC_API=1 and commit the files.
/// </summary>
public sealed class PublicApiTests
{
    private static readonly SymbolDisplayFormat Format = SymbolDisplayFormat.CSharpErrorMessageFormat
        .WithMemberOptions(SymbolDisplayMemberOptions.IncludeParameters | SymbolDisplayMemberOptions.IncludeType
            | SymbolDisplayMemberOptions.IncludeModifiers | SymbolDisplayMemberOptions.IncludeConstantValue)
        .WithKindOptions(SymbolDisplayKindOptions.IncludeMemberKeyword)
        .WithParameterOptions(SymbolDisplayParameterOptions.IncludeType | SymbolDisplayParameterOptions.IncludeName | SymbolDisplayParameterOptions.IncludeDefaultValue
            | SymbolDisplayParameterOptions.IncludeParamsRefOut | SymbolDisplayParameterOptions.IncludeExtensionThis)
        .WithGenericsOptions(SymbolDisplayGenericsOptions.IncludeTypeParameters | SymbolDisplayGenericsOptions.IncludeTypeConstraints)
        .AddMiscellaneousOptions(SymbolDisplayMiscellaneousOptions.IncludeNullableReferenceTypeModifier);

    [TestCase(typeof(ILink))]
    [TestCase(typeof(IotLinkServer))]
    [TestCase(typeof(FaultProxy))]
    [TestCase(typeof(SqliteSessionStore))]
    [TestCase(typeof(PostgreSqlSessionStore))]
    [TestCase(typeof(Rx.IotLink.Nats.NatsSessionStore))]
    [TestCase(typeof(Rx.IotLink.Dashboard.IotLinkDashboard))]
    [TestCase(typeof(Rx.IotLink.Bridge.BridgeTransport))]
    [TestCase(typeof(Rx.IotLink.Mqtt.MqttGateway))]
    [TestCase(typeof(Microsoft.Extensions.DependencyInjection.IotLinkClientHosting))]
#if DYNAMICDATA
    [TestCase(typeof(Rx.IotLink.Server.ConnectionCache))]
#endif
    public void The_public_API_is_the_one_on_file(Type inAssembly)
    {
        var assembly = inAssembly.Assembly;
        var file = Path.Combine(Repository.Root, "docs", "public-api", $"{assembly.GetName().Name}.txt");
        var api = string.Join('\n', Describe(assembly.Location)) + "\n";
        if (Environment.GetEnvironmentVariable("UPDATE_PUBLIC_API") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, api);
        }

        Assert.That(api, Is.EqualTo(File.ReadAllText(file)), $"The public API differs from {file}. If that is wanted, run this test with UPDATE_PUBLIC_API=1.");
    }

    private static IEnumerable<string> Describe(string assembly)
    {
        var platform = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator);
        var reference = MetadataReference.CreateFromFile(assembly);
        var compilation = CSharpCompilation.Create("api", references: platform.Where(p => p != assembly).Select(p => MetadataReference.CreateFromFile(p)).Append(reference));
        var symbol = (IAssemblySymbol)compilation.GetAssemblyOrModuleSymbol(reference)!;
        return Types(symbol.GlobalNamespace)
            .Where(t => t.DeclaredAccessibility == Accessibility.Public)
            .OrderBy(t => t.ToDisplayString(), StringComparer.Ordinal)
            .SelectMany(t => Members(t).Prepend(""));
    }

    private static IEnumerable<string> Members(INamedTypeSymbol type) => type.GetMembers()
        .Where(m => m.DeclaredAccessibility is Accessibility.Public or Accessibility.Protected && !m.IsImplicitlyDeclared)
        .Where(m => m is not IMethodSymbol { AssociatedSymbol: not null } && !m.Name.StartsWith('<'))
        .Select(m => $"    {m.ToDisplayString(Format)}{Accessors(m)}")
        .Order(StringComparer.Ordinal)
        .Prepend($"{(type.IsRecord ? "record" : type.TypeKind.ToString().ToLowerInvariant())} {type.ToDisplayString(Format)}{Bases(type)}");

    private static string Accessors(ISymbol member) => member is not IPropertySymbol property ? "" : property.SetMethod switch
    {
        null => " { get; }",
        { IsInitOnly: true } => " { get; init; }",
        _ => " { get; set; }",
    };

    private static string Bases(INamedTypeSymbol type)
    {
        var bases = type.Interfaces.Select(i => i.ToDisplayString()).Order(StringComparer.Ordinal)
            .Concat(type.BaseType is { SpecialType: SpecialType.None } b ? [b.ToDisplayString()] : []);
        return string.Join(", ", bases) is { Length: > 0 } list ? $" : {list}" : "";
    }

    private static IEnumerable<INamedTypeSymbol> Types(INamespaceSymbol space) =>
        space.GetTypeMembers().SelectMany(WithNested).Concat(space.GetNamespaceMembers().SelectMany(Types));

    private static IEnumerable<INamedTypeSymbol> WithNested(INamedTypeSymbol type) =>
        type.GetTypeMembers().Where(t => t.DeclaredAccessibility is Accessibility.Public).SelectMany(WithNested).Prepend(type);
}
