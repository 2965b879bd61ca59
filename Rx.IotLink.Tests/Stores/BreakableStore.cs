using Rx.IotLink.Testing;

namespace Rx.IotLink.Tests.Stores;

/// <summary>A store in memory whose calls a test counts, breaks or holds up.</summary>
internal sealed class BreakableStore : ISessionStore
{
    private readonly Lock gate = new();
    private readonly List<string> calls = [];
    private readonly MemorySessionStore kept = new();

    /// <summary>Called with the name of each call before it is kept: it may throw, or wait.</summary>
    public Action<string> Before { get; set; } = _ => { };

    /// <summary>The names of the calls that were made, failed ones included.</summary>
    public IReadOnlyList<string> Calls
    {
        get
        {
            lock (gate)
                return [.. calls];
        }
    }

    public SessionMemory? Memory => kept.Memory;

    /// <summary>The next so many calls of this name fail.</summary>
    public void Fails(string call, int times = 1)
    {
        var left = times;
        Before = name =>
        {
            if (name == call && left-- > 0)
                throw new IOException($"{call} failed");
        };
    }

    public SessionMemory? Load()
    {
        Call(nameof(Load));
        return kept.Load();
    }

    public void Begin(ulong epoch)
    {
        Call(nameof(Begin));
        kept.Begin(epoch);
    }

    public void Connect(ulong number)
    {
        Call(nameof(Connect));
        kept.Connect(number);
    }

    public void Add(ulong number, string line)
    {
        Call(nameof(Add));
        kept.Add(number, line);
    }

    public void RemoveThrough(ulong number)
    {
        Call(nameof(RemoveThrough));
        kept.RemoveThrough(number);
    }

    public void Accept(ulong peerEpoch, ulong number)
    {
        Call(nameof(Accept));
        kept.Accept(peerEpoch, number);
    }

    private void Call(string name)
    {
        lock (gate)
            calls.Add(name);
        Before(name);
    }
}
