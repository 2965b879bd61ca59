using System.Globalization;

namespace Throughput.Links;

/// <summary>
/// Lines of 32 bytes, made beforehand, that differ from their neighbours; and the check that they come once each and in
/// order.
/// </summary>
internal sealed class NumberedLines : IObserver<string>
{
    private const int Count = 4_096;

    private static readonly string[] Lines = [.. Enumerable.Range(0, Count).Select(i => i.ToString("d32", CultureInfo.InvariantCulture))];

    private readonly bool every;
    private long received;
    private int next;
    private string? fault;

    /// <summary>Checks what it observes.</summary>
    /// <param name="every">Whether every line must come, or (best effort) some may be missing.</param>
    public NumberedLines(bool every = true) => this.every = every;

    public long Received => Volatile.Read(ref received);

    public static string At(long number) => Lines[number % Count];

    public void OnNext(string value)
    {
        if (!every)
            next = int.Parse(value.AsSpan(24), NumberStyles.None, CultureInfo.InvariantCulture);
        if (value != Lines[next])
            fault ??= $"'{value}' came where '{Lines[next]}' was due";
        next = (next + 1) % Count;
        Volatile.Write(ref received, received + 1);
    }

    public void OnError(Exception error) => fault ??= error.Message;

    public void OnCompleted()
    {
    }

    /// <exception cref="InvalidDataException">A line was lost, repeated or out of order.</exception>
    public void Check(long written)
    {
        if (fault is not null || (every && Received != written))
            throw new InvalidDataException(fault ?? $"{written} lines were written and {Received} received");
    }
}
