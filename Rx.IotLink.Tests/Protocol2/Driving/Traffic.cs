using Rx.IotLink.Testing;

namespace Rx.IotLink.Tests.Protocol2.Driving;

/// <summary>
/// Lines that are written in one direction, one a round, and what became of them. Each text stands once.
/// </summary>
internal sealed class Traffic(params IReadOnlyList<string> lines)
{
    private int next;

    /// <summary>Lines of every kind: empty, not ASCII, and such as look like what the protocol itself says.</summary>
    public static IReadOnlyList<string> Long { get; } = ["one", "", "größe ☃ 😀", "+0001", "=0001", "!bye", "~0002", "-", "a\rb", "ten"];

    public static IReadOnlyList<string> Short { get; } = ["a", "", "ü"];

    public IReadOnlyList<string> Written => [.. lines.Take(next)];

    /// <summary>The next line to be written, or null.</summary>
    public string? Next() => next == lines.Count ? null : lines[next++];

    /// <summary>Writes the next line. False: there is none.</summary>
    public bool Write(TestEnd end)
    {
        if (Next() is not { } line)
            return false;
        end.Write(line);
        return true;
    }

    /// <summary>What became of them, judged by their places.</summary>
    public DeliveryVerdict Verdict(IEnumerable<string> finished, IEnumerable<string> received)
    {
        var checker = new DeliveryChecker();
        for (var written = 0; written < next; written++)
            checker.Write();
        foreach (var text in received)
            checker.Received(PlaceOf(text));
        foreach (var text in finished)
            checker.Accepted(PlaceOf(text));
        return checker.Verdict;
    }

    private int PlaceOf(string text) => lines.Index().First(l => l.Item == text).Index;
}
