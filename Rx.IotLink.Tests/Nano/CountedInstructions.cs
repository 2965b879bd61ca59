using System.Reflection;
using System.Runtime.Loader;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Mono.Cecil;
using Mono.Cecil.Cil;
using Mono.Cecil.Rocks;

namespace NanoTests;

/// <summary>
/// The device's sources, compiled for .NET and woven: each stretch of code that runs in one piece adds the number of
/// its instructions to a count. The interpreter of the device takes the same instructions one by one.
/// </summary>
internal sealed class CountedInstructions
{
    private const string Driver = """
        using System;
        using System.Text;
        using Rx.IotLink.Nano.Protocol;
        namespace Rx.IotLink.Nano
        {
            public static class Counted
            {
                private static long instructions;
                public static void Add(int count) { instructions += count; }
                private static readonly Quiet Host = new Quiet();

                private static Session Open(int max)
                {
                    SessionSettings settings = new SessionSettings
                    {
                        Id = Encoding.UTF8.GetBytes("pump-1"), TimeoutMs = 2000, MaxLineBytes = max, Window = 3, InboxLines = 9, InboxBytes = 4 * max,
                        OutboxLines = 32, OutboxBytes = 4 * max, BestEffortLines = 4, BestEffortBytes = 256, ReplacesNul = true, OutputBytes = max + 6,
                    };
                    Session session = new Session(settings, Host, null, Host);
                    session.Connect(0);
                    session.Fill(0);
                    byte[] ok = Encoding.UTF8.GetBytes("IOTLINK/2 ok epoch=1 tx=1 window=64 max=16384 timeout=2000\n");
                    session.Receive(ok, 0, ok.Length, 0);
                    session.Fill(0);
                    return session;
                }

                // As the link's thread, then the teller's, then the pump's.
                public static long OfReceiving(string text, int lines)
                {
                    Session session = Open(4096);
                    long before = instructions;
                    for (int number = 1; number <= lines; number++)
                    {
                        byte[] line = Encoding.UTF8.GetBytes("+" + number.ToString("x4") + text + "\n");
                        Array.Copy(line, 0, session.Buffer, session.Held, line.Length);
                        session.Received(line.Length, number);
                        int start;
                        byte[] bytes = session.Inbox.Oldest(out start);
                        if (Encoding.UTF8.GetString(bytes, start, session.Inbox.Length(0)) != text)
                            throw new InvalidOperationException("It received another line.");
                        session.Accept();
                        if (session.Fill(number) != 6)
                            throw new InvalidOperationException("It acknowledged something else.");
                    }

                    return instructions - before;
                }

                // As the application's thread, then the pump's, then the link's.
                public static long OfSending(string text, int lines)
                {
                    Session session = Open(4096);
                    long before = instructions;
                    for (int number = 1; number <= lines; number++)
                    {
                        byte[] bytes = Encoding.UTF8.GetBytes(text);
                        if (!Utf8.IsValid(bytes, 0, bytes.Length) || !session.Write(bytes, bytes.Length) || session.Fill(number) != bytes.Length + 6)
                            throw new InvalidOperationException("It did not send the line.");
                        byte[] accepted = Encoding.UTF8.GetBytes("=" + number.ToString("x4") + "\n");
                        Array.Copy(accepted, 0, session.Buffer, session.Held, accepted.Length);
                        session.Received(accepted.Length, number);
                        if (session.Waiting != 0)
                            throw new InvalidOperationException("It was not accepted.");
                    }

                    return instructions - before;
                }

                private sealed class Quiet : ISessionHost, IRandomSource
                {
                    public void Fill(byte[] bytes) { bytes[0] = 7; }
                    public void Opened() { }
                    public void Heartbeat() { }
                    public void Arrived(byte[] bytes, int offset, int count) { }
                    public void Finished(bool exactlyOnce, byte[] bytes, int offset, int count) { }
                    public void Impossible(byte[] bytes, int offset, int count) { }
                    public void Repeated() { }
                    public void Duplicate() { }
                    public void Withheld() { }
                    public void Notice(SessionNotice notice, ulong first, ulong last) { }
                    public void Leave(LeaveReason reason, int retryMs, string text) { throw new InvalidOperationException(text); }
                }
            }
        }
        """;

    private static readonly CSharpParseOptions Language = new(LanguageVersion.CSharp9);
    private static readonly Lazy<CountedInstructions> One = new(() => new(Compile()));

    private CountedInstructions(Assembly assembly)
    {
        var counted = assembly.GetType("Rx.IotLink.Nano.Counted", throwOnError: true)!;
        OfReceiving = counted.GetMethod(nameof(OfReceiving))!.CreateDelegate<Func<string, int, long>>();
        OfSending = counted.GetMethod(nameof(OfSending))!.CreateDelegate<Func<string, int, long>>();
    }

    public static CountedInstructions Sources => One.Value;

    /// <summary>The instructions for a line that is received so many times, reported and acknowledged.</summary>
    public Func<string, int, long> OfReceiving { get; }

    /// <summary>The instructions for a line that is written so many times, sent and accepted.</summary>
    public Func<string, int, long> OfSending { get; }

    private static Assembly Compile()
    {
        var sources = NanoProject.Library.Sources
            .Where(s => Path.GetFileName(Path.GetDirectoryName(s)) is not ("Device" or "Properties" or "Bridge") || Path.GetFileName(s) is "Bytes.cs" or "Crc32.cs")
            .Select(s => CSharpSyntaxTree.ParseText(File.ReadAllText(s), Language, s));
        var references = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Where(path => Path.GetFileName(path).StartsWith("System", StringComparison.Ordinal) || Path.GetFileName(path).StartsWith("Microsoft.Win32", StringComparison.Ordinal) || Path.GetFileName(path) is "mscorlib.dll" or "netstandard.dll")
            .Select(path => MetadataReference.CreateFromFile(path));
        var compilation = CSharpCompilation.Create(
            "CountedNano", [.. sources, CSharpSyntaxTree.ParseText(Driver, Language)], references, new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, optimizationLevel: OptimizationLevel.Release));
        using var image = new MemoryStream();
        var result = compilation.Emit(image);
        if (!result.Success)
            throw new InvalidOperationException(string.Join('\n', result.Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error).Take(10)));
        image.Position = 0;
        using var woven = new MemoryStream();
        using (var module = ModuleDefinition.ReadModule(image))
        {
            var add = module.GetType("Rx.IotLink.Nano.Counted").Methods.Single(method => method.Name == "Add");
            foreach (var method in module.GetTypes().Where(type => !type.FullName.Contains("Counted", StringComparison.Ordinal)).SelectMany(type => type.Methods).Where(method => method.HasBody))
                Weave(method.Body, add);
            module.Write(woven);
        }

        woven.Position = 0;
        return new AssemblyLoadContext("counted").LoadFromStream(woven);
    }

    private static void Weave(Mono.Cecil.Cil.MethodBody body, MethodDefinition add)
    {
        body.SimplifyMacros();
        var code = body.Instructions.ToArray();
        var begins = new HashSet<Instruction> { code[0] };
        foreach (var instruction in code)
        {
            begins.UnionWith(instruction.Operand switch { Instruction target => [target], Instruction[] targets => targets, _ => [] });
            if (instruction.OpCode.FlowControl is FlowControl.Branch or FlowControl.Cond_Branch or FlowControl.Return or FlowControl.Throw && instruction.Next is { } next)
                begins.Add(next);
        }

        foreach (var handler in body.ExceptionHandlers)
            begins.UnionWith(new[] { handler.TryStart, handler.HandlerStart, handler.FilterStart, handler.TryEnd, handler.HandlerEnd }.OfType<Instruction>());
        var moved = new Dictionary<Instruction, Instruction>();
        var writer = body.GetILProcessor();
        for (var at = 0; at < code.Length;)
        {
            var end = at + 1;
            while (end < code.Length && !begins.Contains(code[end]))
                end++;
            // A prefix is a part of its instruction.
            var count = code[at..end].Count(instruction => instruction.OpCode.OpCodeType != OpCodeType.Prefix);
            var first = Instruction.Create(OpCodes.Ldc_I4, count);
            writer.InsertBefore(code[at], first);
            writer.InsertBefore(code[at], Instruction.Create(OpCodes.Call, add));
            moved[code[at]] = first;
            at = end;
        }

        foreach (var instruction in code)
        {
            instruction.Operand = instruction.Operand switch
            {
                Instruction target => moved[target],
                Instruction[] targets => Array.ConvertAll(targets, target => moved[target]),
                var other => other,
            };
        }

        foreach (var handler in body.ExceptionHandlers)
        {
            (handler.TryStart, handler.HandlerStart) = (moved[handler.TryStart], moved[handler.HandlerStart]);
            (handler.TryEnd, handler.HandlerEnd) = (moved[handler.TryEnd], handler.HandlerEnd is null ? null : moved[handler.HandlerEnd]);
            handler.FilterStart = handler.FilterStart is null ? null : moved[handler.FilterStart];
        }

        body.OptimizeMacros();
    }
}
