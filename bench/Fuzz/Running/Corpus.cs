namespace Fuzz.Running;

/// <summary>Inputs that are kept: those made at first, and those that were found to reach something new.</summary>
internal static class Corpus
{
    /// <summary>The inputs of a folder, in the order of their names.</summary>
    public static IReadOnlyList<(string Name, byte[] Input)> Read(string folder) =>
        [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(f => (f, File.ReadAllBytes(f)))];
}
