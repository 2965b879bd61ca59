namespace Rx.IotLink.Tests.Simulation.Planted;

/// <summary>A mistake that could be made in the library, as a change of its source.</summary>
/// <param name="Name">What it does wrong, as the rest of a sentence that begins with "it".</param>
/// <param name="Protocols">The versions of the wire protocol in which it must be caught.</param>
/// <param name="File">The source file, from the root of the checkout.</param>
/// <param name="Edits">What is replaced by what. Each old text is there exactly once.</param>
public sealed record PlantedBug(string Name, IReadOnlyList<int> Protocols, string File, params IReadOnlyList<Edit> Edits)
{
    /// <summary>The source with the bug in it.</summary>
    /// <exception cref="InvalidOperationException">
    /// The source has changed, so that the bug can no longer be planted where it was.
    /// </exception>
    public string PlantIn(string source)
    {
        foreach (var edit in Edits)
        {
            var places = source.Split(edit.Old).Length - 1;
            if (places != 1)
                throw new InvalidOperationException($"The bug '{Name}' cannot be planted: this is {places} times in {File}, and must be there once: {edit.Old}");
            source = source.Replace(edit.Old, edit.New, StringComparison.Ordinal);
        }

        return source;
    }

    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>A text and what takes its place.</summary>
public sealed record Edit(string Old, string New);
