namespace TcpSoak.Ends;

/// <summary>The devices of a soak.</summary>
internal static class Ids
{
    public static IReadOnlyList<string> Of(int links) => [.. Enumerable.Range(1, links).Select(number => $"soak-{number}")];
}
