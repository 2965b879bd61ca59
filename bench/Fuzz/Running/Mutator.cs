using Fuzz.Targets;

namespace Fuzz.Running;

/// <summary>
/// Changes inputs blindly: it knows nothing of what code they reach. For places where no fuzzer that measures this can
/// be had, and for tests, which want the same inputs each time.
/// </summary>
internal sealed class Mutator(IReadOnlyList<byte[]> corpus, int seed)
{
    private static readonly byte[][] Words =
    [
        .. new[]
        {
            "IOTLINK/2", " ok", " no", " prove", " proof", " id=a", " conn=1", " epoch=1", " tx=1", " peer=1", " rx=0", " seen=7", " window=1", " max=1", " timeout=2000",
            " code=busy", " code=version", " retry=5", " auth=hmac-sha256", " nonce=", " mac=", "18446744073709551615", "%41", "%0a", "+0001", "+ffff", "=0001", "=8000", "~0001", "!bye",
            "!bye displaced", "00", "01", "ff", "7f", "00a\n", "\n", "\n\n", "\r", "\0",
        }.Select(System.Text.Encoding.ASCII.GetBytes),
        [0xC3], [0xE2, 0x80, 0xAE], [Script.Pause], [Script.LongPause], [Script.Break], [Script.Accept], [Script.Write], [Script.WriteBestEffort], [Script.Cut],
    ];

    private readonly Random random = new(seed);

    /// <summary>Another input.</summary>
    public byte[] Next()
    {
        var input = new List<byte>(corpus[random.Next(corpus.Count)]);
        for (var changes = 1 + random.Next(8); changes > 0; changes--)
            Change(input);
        return input.Count <= Script.MaxBytes ? [.. input] : [.. input.Take(Script.MaxBytes)];
    }

    private void Change(List<byte> input)
    {
        var at = random.Next(input.Count + 1);
        var length = Math.Min(input.Count - at, 1 + random.Next(16));
        switch (random.Next(7))
        {
            case 0 when at < input.Count:
                input[at] ^= (byte)(1 << random.Next(8));
                break;
            case 1 when at < input.Count:
                input[at] = (byte)random.Next(256);
                break;
            case 2:
                input.RemoveRange(at, length);
                break;
            case 3:
                input.InsertRange(at, input.GetRange(at, length));
                break;
            case 4:
                var other = corpus[random.Next(corpus.Count)];
                var from = random.Next(other.Length + 1);
                input.InsertRange(at, other[from..Math.Min(other.Length, from + 1 + random.Next(100))]);
                break;
            default:
                input.InsertRange(at, Words[random.Next(Words.Length)]);
                break;
        }
    }
}
