using Rx.IotLink;
using Rx.IotLink.Testing;

namespace Soak;

/// <summary>
/// Lines of one direction with a time to live or a key: which of them may be dropped, and when. It knows when the
/// writer's link was up, and by that alone which of them cannot have been sent in time.
/// </summary>
internal sealed class LimitedLines(string id, Action<string> violation)
{
    private readonly Dictionary<(DeliveryChecker Checker, long Number), Line> lines = [];
    private readonly Dictionary<string, Line> newest = new(StringComparer.Ordinal);
    private bool isUp;

    /// <summary>
    /// Lines of earlier processes that a later one may drop, with no writer left: those that end, and those of
    /// whose key there is a newer line.
    /// </summary>
    public IEnumerable<Line> MayBeDropped =>
        lines.Values.Where(line => line.WriterIsGone && (line.Options.TimeToLive is not null || IsReplaced(line)));

    /// <summary>The writer's link is up from now on, or not.</summary>
    public void LinkIs(bool up, TimeSpan now)
    {
        isUp = up;
        if (!up)
            return;
        foreach (var line in lines.Values.Where(line => now <= line.EndsAtTheLatest))
            line.MayHaveBeenSent = true;
    }

    /// <summary>A line is about to be written.</summary>
    public Line Write(DeliveryChecker checker, long number, WriteOptions options, TimeSpan now)
    {
        var line = new Line(checker, number, options, now) { MayHaveBeenSent = isUp };
        lines.Add((checker, number), line);
        if (options.Key is { } key)
            newest[key] = line;
        return line;
    }

    /// <summary>A line was reported to its writer as dropped: so it must have been time for it.</summary>
    public void Dropped(Line line, LineDroppedException told, TimeSpan now)
    {
        if (told is LineReplacedException && !IsReplaced(line))
            violation($"{id}: line {line.Number} was reported as replaced, and there is no newer one of its key");
        if (told is LineExpiredException && !(now >= line.EndsAtTheEarliest))
            violation($"{id}: line {line.Number} was reported as expired after {now - line.At}, and may wait for {line.Options.TimeToLive?.ToString() ?? "ever"}");
    }

    /// <summary>
    /// Whether a line that is received now was not to be sent any more when that was possible at last.
    /// </summary>
    public bool IsOverdue(DeliveryChecker checker, long number, TimeSpan now) =>
        lines.TryGetValue((checker, number), out var line) && !line.MayHaveBeenSent && now > line.EndsAtTheLatest;

    /// <summary>The writer's process has ended.</summary>
    public void WriterCrashed()
    {
        isUp = false;
        foreach (var line in lines.Values)
            line.WriterIsGone = true;
    }

    private bool IsReplaced(Line line) => line.Options.Key is { } key && newest[key] != line;

    /// <summary>A line.</summary>
    internal sealed class Line(DeliveryChecker checker, long number, WriteOptions options, TimeSpan at)
    {
        public DeliveryChecker Checker => checker;

        public long Number => number;

        public WriteOptions Options => options;

        public TimeSpan At => at;

        public bool MayHaveBeenSent { get; set; }

        public bool WriterIsGone { get; set; }

        // Clocks are up to half a percent too fast or slow.
        public TimeSpan? EndsAtTheEarliest => at + (options.TimeToLive * 0.99);

        public TimeSpan EndsAtTheLatest => options.TimeToLive is { } time ? at + (time * 1.01) : TimeSpan.MaxValue;
    }
}
