namespace Fuzz.Targets;

/// <summary>
/// What the bytes of an input mean. The first says how the end under attack is set up. Of the others, those that stand
/// in no UTF-8 text are deeds of time, of the network and of the application; all the rest is what the attacker sends,
/// in pieces that end where a deed stands. So what was captured on the wire is an input as it is.
/// </summary>
internal static class Script
{
    /// <summary>A tenth of the timeout passes.</summary>
    public const byte Pause = 0xFF;

    /// <summary>The connection breaks, and another one is made.</summary>
    public const byte Break = 0xFE;

    /// <summary>The application accepts the oldest line that waits for it.</summary>
    public const byte Accept = 0xFD;

    /// <summary>The application writes a line.</summary>
    public const byte Write = 0xFC;

    /// <summary>The application writes a line of best effort.</summary>
    public const byte WriteBestEffort = 0xFB;

    /// <summary>As long as the timeout passes.</summary>
    public const byte LongPause = 0xFA;

    /// <summary>Nothing but the end of a piece.</summary>
    public const byte Cut = 0xF9;

    private const byte FirstDeed = Cut;

    /// <summary>Inputs are cut here: what is longer says nothing new, and takes its time.</summary>
    public const int MaxBytes = 8_192;

    /// <summary>The bits of the first byte.</summary>
    public static byte SettingOf(ReadOnlySpan<byte> input) => input.IsEmpty ? (byte)0 : input[0];

    /// <summary>Plays an input to an end.</summary>
    public static void Play(ReadOnlySpan<byte> input, IEnd end)
    {
        var rest = input[..Math.Min(input.Length, MaxBytes)];
        rest = rest[Math.Min(1, rest.Length)..];
        while (!rest.IsEmpty)
        {
            var piece = rest.IndexOfAnyInRange(FirstDeed, byte.MaxValue);
            if (piece != 0)
                end.Receive(piece < 0 ? rest : rest[..piece]);
            if (piece < 0)
                return;
            end.Do(rest[piece]);
            rest = rest[(piece + 1)..];
        }
    }
}

/// <summary>What is attacked.</summary>
internal interface IEnd
{
    /// <summary>The attacker's bytes arrive.</summary>
    void Receive(ReadOnlySpan<byte> piece);

    /// <summary>One of the deeds of <see cref="Script"/>.</summary>
    void Do(byte deed);
}

/// <summary>A promise was broken: this is what fuzzing looks for.</summary>
internal sealed class BrokenPromiseException(string message, Exception? inner = null) : Exception(message, inner);
