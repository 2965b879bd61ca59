using System.Reflection;
using System.Runtime.Loader;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace NanoTests;

/// <summary>
/// The device's sources, compiled for .NET with one change: whatever needs memory on the interpreter asks for it first,
/// and can be refused it. There each call needs memory, for its frame: so each method asks when it begins, and each
/// statement that calls or makes something asks before. Code in a <c>catch</c> is no exception.
/// </summary>
internal sealed class ScarceMemory
{
    private const string Driver = """
        using System;
        using System.Threading;
        namespace Rx.IotLink.Nano
        {
            public static class Scarce
            {
                private static int left = int.MaxValue;
                private static int refusals;
                public static int Refused;
                public static void Refuse(int after, int times) { Volatile.Write(ref refusals, times); Volatile.Write(ref left, after); }
                public static bool IsOver { get { return Volatile.Read(ref refusals) <= 0; } }
                public static void End() { Volatile.Write(ref refusals, 0); Volatile.Write(ref left, int.MaxValue); }
                public static void Take()
                {
                    if (Volatile.Read(ref left) == int.MaxValue || Interlocked.Decrement(ref left) >= 0)
                        return;
                    Volatile.Write(ref left, 0);
                    if (Interlocked.Decrement(ref refusals) < 0)
                        return;
                    Interlocked.Increment(ref Refused);
                    throw new OutOfMemoryException();
                }
            }

            public sealed class CountedTransport : INanoTransport
            {
                private readonly TcpTransport below;
                public int Open;
                public CountedTransport(string host, int port) { below = new TcpTransport(host, port); }
                public INanoConnection Create() { return new Counted(this, below.Create()); }

                private sealed class Counted : INanoConnection
                {
                    private readonly CountedTransport owner;
                    private readonly INanoConnection below;
                    private int state;
                    public Counted(CountedTransport owner, INanoConnection below) { this.owner = owner; this.below = below; }
                    public void Connect() { state = 1; Interlocked.Increment(ref owner.Open); below.Connect(); }
                    public void SetTimeouts(int milliseconds) { below.SetTimeouts(milliseconds); }
                    public int Receive(byte[] buffer, int offset, int count) { return below.Receive(buffer, offset, count); }
                    public void Send(byte[] buffer, int offset, int count) { below.Send(buffer, offset, count); }
                    public void Close()
                    {
                        below.Close();
                        if (Interlocked.Exchange(ref state, 2) == 1)
                            Interlocked.Decrement(ref owner.Open);
                    }
                }
            }
        }
        """;

    private static readonly CSharpParseOptions Language = new(LanguageVersion.CSharp9);
    private static readonly Lazy<ScarceMemory> One = new(() => new(Compile()));
    private readonly Assembly assembly;

    private ScarceMemory(Assembly assembly) => this.assembly = assembly;

    public static ScarceMemory Sources => One.Value;

    public Type Type(string name) => assembly.GetType("Rx.IotLink.Nano." + name, throwOnError: true)!;

    private static Assembly Compile()
    {
        var sources = NanoProject.Library.Sources
            .Where(s => Path.GetFileName(Path.GetDirectoryName(s)) is not ("Device" or "Properties" or "Bridge") || Path.GetFileName(s) is "Bytes.cs" or "Crc32.cs")
            .Select(s => CSharpSyntaxTree.Create((CompilationUnitSyntax)new Asking().Visit(CSharpSyntaxTree.ParseText(File.ReadAllText(s), Language).GetRoot()), Language, s));
        var references = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Where(path => Path.GetFileName(path).StartsWith("System", StringComparison.Ordinal) || Path.GetFileName(path).StartsWith("Microsoft.Win32", StringComparison.Ordinal) || Path.GetFileName(path) is "mscorlib.dll" or "netstandard.dll")
            .Select(path => MetadataReference.CreateFromFile(path));
        var compilation = CSharpCompilation.Create(
            "ScarceNano", [.. sources, CSharpSyntaxTree.ParseText(Driver, Language)], references, new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, optimizationLevel: OptimizationLevel.Release));
        using var image = new MemoryStream();
        var result = compilation.Emit(image);
        if (!result.Success)
            throw new InvalidOperationException(string.Join('\n', result.Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error).Take(10)));
        image.Position = 0;
        return new AssemblyLoadContext("scarce").LoadFromStream(image);
    }

    private sealed class Asking : CSharpSyntaxRewriter
    {
        private static readonly StatementSyntax Ask = SyntaxFactory.ParseStatement("global::Rx.IotLink.Nano.Scarce.Take();\n");

        public override SyntaxNode? VisitBlock(BlockSyntax node)
        {
            var visited = (BlockSyntax)base.VisitBlock(node)!;
            var asking = new List<StatementSyntax>();
            if (node.Parent is BaseMethodDeclarationSyntax or AccessorDeclarationSyntax)
                asking.Add(Ask);
            foreach (var (before, after) in node.Statements.Zip(visited.Statements))
            {
                if (Needs(before))
                    asking.Add(Ask);
                asking.Add(after);
            }

            return visited.WithStatements(SyntaxFactory.List(asking));
        }

        private static bool Needs(StatementSyntax statement) => statement switch
        {
            BlockSyntax or TryStatementSyntax => false,
            LockStatementSyntax => true,
            _ => statement.DescendantNodes(node => node is not BlockSyntax)
                .Any(node => node is InvocationExpressionSyntax or ObjectCreationExpressionSyntax or ArrayCreationExpressionSyntax),
        };
    }
}
