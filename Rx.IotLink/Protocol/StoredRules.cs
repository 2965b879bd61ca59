namespace Rx.IotLink.Protocol;

/// <summary>
/// The rules of what a session store gives. It comes from outside: something else may have written into it, and a store
/// may have faults. A text that breaks a rule would break the connection, and a number the promises.
/// </summary>
internal static class StoredRules
{
    private const int ShownCharacters = 40;

    /// <summary>What is wrong with a memory, as the rest of a sentence about the store; null: nothing.</summary>
    public static string? FaultOf(SessionMemory memory) =>
        Outside(nameof(memory.First), memory.First, least: 1)
        ?? Outside(nameof(memory.Accepted), memory.Accepted)
        ?? Outside(nameof(memory.Connections), memory.Connections)
        ?? Outside(nameof(memory.LastPosition), memory.LastPosition, long.MaxValue)
        ?? Outside(nameof(memory.Waiting), memory.Waiting, Math.Min(memory.LastPosition, int.MaxValue), $", as LastPosition is {memory.LastPosition}")
        ?? Outside(nameof(memory.WaitingBytes), memory.WaitingBytes, long.MaxValue);

    /// <summary>The same for a line.</summary>
    /// <param name="line">The line.</param>
    /// <param name="id">The device.</param>
    /// <param name="after">The position before it.</param>
    /// <param name="last">The greatest position of a written line.</param>
    /// <param name="maxBytes">The longest line.</param>
    public static string? FaultOf(in StoredLine line, string id, long after, long last, int maxBytes)
    {
        if (OutOfOrder(line.Position, id, after, last) is { } fault)
            return fault;
        var where = $"is damaged: the line at position {line.Position} of '{Printable.Of(id)}'";
        if (line.Text is null)
            return $"{where} has no text";
        if (LineText.Fault(line.Text, maxBytes) is { } text)
            return $"{where} ('{Printable.Of(line.Text, ShownCharacters)}'): {text.TrimEnd('.')}";
        return line.Key is { } key && WriteOptions.FaultOf(key) is { } wrong ? $"{where} has a key ('{Printable.Of(key, ShownCharacters)}') that {wrong}" : null;
    }

    /// <summary>The same for the key of a line.</summary>
    public static string? FaultOf(in StoredKey key, string id, long after, long last)
    {
        if (OutOfOrder(key.Position, id, after, last) is { } fault)
            return fault;
        if (key.Bytes < 0)
            return $"is damaged: the key at position {key.Position} of '{Printable.Of(id)}' has a line of {key.Bytes} bytes";
        var wrong = key.Key is null ? "is null" : WriteOptions.FaultOf(key.Key);
        return wrong is null
            ? null
            : $"is damaged: the line at position {key.Position} of '{Printable.Of(id)}' has a key ('{Printable.Of(key.Key ?? "", ShownCharacters)}') that {wrong}";
    }

    private static string? OutOfOrder(long position, string id, long after, long last)
    {
        if (position <= after)
            return $"is damaged: the line at position {position} of '{Printable.Of(id)}' comes after position {after}";
        return position > last ? $"is damaged: the line at position {position} of '{Printable.Of(id)}' is beyond the last one that was written, {last}" : null;
    }

    // Half of the range: no link counts so far, and a number that came round would be an old one.
    private static string? Outside(string name, ulong value, ulong least = 0) =>
        value < least || value > long.MaxValue ? $"is damaged: {name} is {value} and must be {least} to {long.MaxValue}" : null;

    private static string? Outside(string name, long value, long most, string why = "") =>
        value < 0 || value > most ? $"is damaged: {name} is {value} and must be 0 to {most}{why}" : null;
}
