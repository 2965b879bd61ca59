using System.Collections.Concurrent;

namespace Rx.IotLink.Tests.Simulation.Planted;

/// <summary>
/// Libraries in which each of these bugs can be awake: one library for nearly all of them, and one for each bug that
/// changes more than bodies. Tests beside each other have a copy each.
/// </summary>
internal sealed class PlantedLibraries : IDisposable
{
    private readonly LibraryCompiler compiler = new();
    private readonly Dictionary<PlantedBug, Exception> lost = [];
    private readonly List<PlantedBug> alone = [];
    private readonly IReadOnlyList<PlantedBug> bugs;
    private readonly byte[] together;
    private readonly ConcurrentBag<MutatedLibrary> idle = [];

    public PlantedLibraries(IReadOnlyList<PlantedBug> bugs)
    {
        this.bugs = bugs;
        var changed = new Dictionary<string, string>(StringComparer.Ordinal);
        var planted =
            from bug in bugs.Index()
            let source = Planted(bug.Item)
            where source is not null
            group (Number: bug.Index + 1, source) by bug.Item.File;
        foreach (var file in planted)
        {
            var (source, left) = AllPlanted.Plant(compiler.SourceOf(bugs[file.First().Number - 1]), file, LibraryCompiler.Language);
            changed[file.Key] = source;
            alone.AddRange(left.Select(number => bugs[number - 1]));
        }

        together = compiler.Compile(changed, "all bugs");
    }

    /// <summary>Bugs that have a library of their own.</summary>
    public IReadOnlyList<PlantedBug> Alone => alone;

    /// <summary>
    /// A library in which this bug is awake, or (null) none. Nobody else has it until it is given back.
    /// </summary>
    /// <exception cref="InvalidOperationException">The bug could not be planted.</exception>
    public MutatedLibrary Take(PlantedBug? bug)
    {
        if (bug is not null && lost.TryGetValue(bug, out var exception))
            throw new InvalidOperationException(exception.Message, exception);
        if (bug is not null && alone.Contains(bug))
            return new(compiler.Compile(new Dictionary<string, string>(StringComparer.Ordinal) { [bug.File] = Planted(bug)! }, $"the bug '{bug}'"));
        var library = idle.TryTake(out var free) ? free : new(together);
        library.Awake = bug is null ? 0 : bugs.Index().First(b => b.Item == bug).Index + 1;
        return library;
    }

    /// <summary>Nothing of this library runs any more. One that is not given back is left alone.</summary>
    public void GiveBack(MutatedLibrary library, PlantedBug? of)
    {
        if (of is not null && alone.Contains(of))
            library.Dispose();
        else
            idle.Add(library);
    }

    /// <summary>Lets go of those that were given back.</summary>
    public void Dispose()
    {
        while (idle.TryTake(out var library))
            library.Dispose();
    }

    private string? Planted(PlantedBug bug)
    {
        try
        {
            return bug.PlantIn(compiler.SourceOf(bug));
        }
        catch (InvalidOperationException exception)
        {
            lost[bug] = exception;
            return null;
        }
    }
}
