using System.Collections;
using System.Net.Sockets;
using System.Reflection;
using Mono.Cecil;

namespace NanoTests;

/// <summary>
/// Counts memory as the interpreter of nanoFramework takes it on a chip of 32 bits: in blocks of 12 bytes. An object
/// has a block, and one for each field, whatever its type; an array a head of 20 bytes; each call of a waiting thread a
/// frame.
/// </summary>
/// <remarks>
/// The sizes are those of its structures (CLR_RT_HeapBlock_Array, _String, _Delegate, CLR_RT_Thread with SubThread,
/// CLR_RT_StackFrame, CLR_RT_HeapBlock_WaitForObject, _Finalizer) with debugging built in, as in the firmware.
/// </remarks>
internal sealed class InterpreterHeap
{
    private const int Block = 12;
    private const int ArrayHead = 20;
    private const int DelegateBytes = 3 * Block;

    /// <summary>
    /// What a thread is without its frames: 372 + 48 in native code, its object of five fields, and links.
    /// </summary>
    private const int ThreadBytes = 372 + 48 + (6 * Block) + (2 * Block) + DelegateBytes;

    /// <summary>A wait for one event.</summary>
    private const int WaitBytes = 4 * Block;

    private const int FrameBlocks = 7;
    private const int LeastStack = 10;

    /// <summary>A socket has nine fields, a finalizer, and the end point that it keeps, with its address.</summary>
    private const int SocketBytes = (10 * Block) + (2 * Block) + (3 * Block) + (5 * Block);

    private readonly HashSet<object> seen = new(ReferenceEqualityComparer.Instance);
    private readonly SortedDictionary<string, int> parts = new(StringComparer.Ordinal);
    private readonly Dictionary<string, MethodDefinition> methods;

    /// <summary>Frames are measured by the code that the device's compiler makes of these sources.</summary>
    public InterpreterHeap(IEnumerable<string> sources)
    {
        using var image = NanoCheck.ImageOf(sources);
        methods = ModuleDefinition.ReadModule(new MemoryStream(image.ToArray())).Types
            .SelectMany(type => type.Methods).Where(method => method.HasBody)
            .GroupBy(method => $"{method.DeclaringType.Name}.{method.Name}", StringComparer.Ordinal)
            .ToDictionary(same => same.Key, same => same.First(), StringComparer.Ordinal);
    }

    public int Bytes { get; private set; }

    public IEnumerable<string> Parts => parts.OrderByDescending(part => part.Value).Select(part => $"{part.Value,6} {part.Key}");

    /// <summary>What is the application's, and is not counted.</summary>
    public void Except(object one) => seen.Add(one);

    /// <summary>Counts an object, and all that it holds.</summary>
    public void Add(object? root)
    {
        var waiting = new Stack<object?>([root]);
        while (waiting.TryPop(out var next))
        {
            if (next is not null && seen.Add(next))
                AddOne(next, waiting);
        }
    }

    /// <summary>Counts a thread that waits: in methods of ours, and in these many of the platform.</summary>
    public void AddThread(string name, int platformFrames, bool waitsForEvent, params IEnumerable<string> frames)
    {
        var bytes = ThreadBytes + (waitsForEvent ? WaitBytes : 0) + (platformFrames * Frame(0, 0));
        foreach (var frame in frames)
        {
            var body = methods[frame].Body;
            bytes += Frame(body.Variables.Count, body.MaxStackSize);
        }

        Count(name, bytes);
    }

    private static int Frame(int locals, int stack) => (FrameBlocks + Math.Max(LeastStack, locals + stack + 3)) * Block;

    private void AddOne(object one, Stack<object?> waiting)
    {
        var type = one.GetType();
        switch (one)
        {
            case string text:
                // A literal is a head alone; its text is in the program.
                Count("strings", string.IsInterned(text) is null ? Blocks(Block + text.Length + 1) : Block);
                break;
            case Array array:
                Count($"{type.GetElementType()!.Name}[]", Blocks(ArrayHead + (array.Length * ElementBytes(type.GetElementType()!))));
                if (!type.GetElementType()!.IsPrimitive)
                    ((IEnumerable)array).Cast<object?>().ToList().ForEach(waiting.Push);
                break;
            case Delegate called:
                Count("delegates", DelegateBytes);
                // What the application's handler holds is the application's.
                if (called.Target?.GetType().Namespace?.StartsWith("Rx.IotLink.Nano", StringComparison.Ordinal) == true)
                    waiting.Push(called.Target);
                break;
            case Thread:
                break;
            case WaitHandle or Random:
                Count(type.Name, Block);
                break;
            case Socket:
                Count("Socket", SocketBytes);
                break;
            case Enum or IConvertible:
                break;
            default:
                AddObject(one, type, waiting);
                break;
        }
    }

    private void AddObject(object one, Type type, Stack<object?> waiting)
    {
        var fields = Fields(type).ToList();
        Count(type.Name, Block * (1 + fields.Count));
        foreach (var field in fields.Where(field => !field.FieldType.IsValueType))
            waiting.Push(field.GetValue(one));
    }

    private static IEnumerable<FieldInfo> Fields(Type? type) => type is null
        ? []
        : type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly).Concat(Fields(type.BaseType));

    private static int ElementBytes(Type type) => !type.IsPrimitive ? Block
        : type == typeof(bool) ? 1
        : System.Runtime.InteropServices.Marshal.SizeOf(type);

    private static int Blocks(int bytes) => (bytes + Block - 1) / Block * Block;

    private void Count(string part, int bytes)
    {
        Bytes += bytes;
        parts[part] = parts.GetValueOrDefault(part) + bytes;
    }
}
