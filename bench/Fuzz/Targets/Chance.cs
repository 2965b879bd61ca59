namespace Fuzz.Targets;

/// <summary>
/// The same numbers for each input, and those of the vectors first: so an opening and a proof of a corpus hold.
/// </summary>
internal sealed class Chance(byte[] first)
{
    public static readonly byte[] Key = [.. Enumerable.Range(0, 16).Select(n => (byte)n)];

    private static readonly byte[] OfClient = Convert.FromHexString("770eb3a9c4201d6fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf");
    private static readonly byte[] OfServer = Convert.FromHexString("182b5e0df003aa91");
    private static readonly byte[] OfKeyedServer = Convert.FromHexString(new string('e', 64) + "b0b1b2b3b4b5b6b7b8b9babbbcbdbebf");

    private int drawn;
    private int round;

    public static Chance Client() => new(OfClient);

    public static Chance Server() => new(OfServer);

    /// <summary>A server's challenges, whose numbers do not depend on those of its links.</summary>
    public static Chance Challenges() => new(OfKeyedServer);

    public void Fill(Span<byte> bytes)
    {
        foreach (ref var b in bytes)
        {
            if (drawn == first.Length)
                (drawn, round) = (0, round + 1);
            // No epoch and no nonce comes twice in a life.
            b = (byte)(first[drawn++] + round);
        }
    }
}
