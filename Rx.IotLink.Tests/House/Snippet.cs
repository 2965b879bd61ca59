using System.Text.RegularExpressions;

namespace Rx.IotLink.Tests.House;

/// <summary>A piece of C# that the README, a guide or a package's readme shows.</summary>
/// <param name="File">Where it stands, from the root of the repository.</param>
/// <param name="Number">Which of that file's, from 1.</param>
/// <param name="Code">What a reader would paste.</param>
internal sealed partial record Snippet(string File, int Number, string Code)
{
    public static IEnumerable<Snippet> All() =>
        from path in Directory.EnumerateFiles(Path.Combine(Repository.Root, "docs"), "*.md")
            .Prepend(Path.Combine(Repository.Root, "README.md"))
            .Concat(Directory.EnumerateDirectories(Repository.Root, "Rx.IotLink*").Select(project => Path.Combine(project, "README.md")).Where(System.IO.File.Exists))
        from snippet in Fence().Matches(System.IO.File.ReadAllText(path))
            .Select((match, at) => new Snippet(Path.GetRelativePath(Repository.Root, path).Replace('\\', '/'), at + 1, match.Groups["code"].Value))
        select snippet;

    /// <summary>Whether it belongs into a web application.</summary>
    public static bool IsWeb(string code) => code.Contains("WebApplication", StringComparison.Ordinal);

    [GeneratedRegex("^```csharp\n(?<code>.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Fence();
}
