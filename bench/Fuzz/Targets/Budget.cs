namespace Fuzz.Targets;

/// <summary>
/// What an end may say: an attacker must not be answered at length for a few bytes. Every connection is worth an
/// opening and all that was written once more, every pause the same, and every byte that is received a few.
/// </summary>
internal sealed class Budget
{
    // The longest line of an opening, and its LF.
    private const int Opening = 2_049;
    private const int AnswerToByte = 16;

    private long may;
    private long written;

    public void Received(int bytes) => may += AnswerToByte * (long)bytes;

    public void Wrote(int bytes)
    {
        // What marks a line is at most five bytes and its LF.
        written += bytes + 6;
        may += bytes + 6;
    }

    /// <summary>A connection was made, or time has passed.</summary>
    public void Began() => may += Opening + written;

    public void Check(long said)
    {
        if (said > may)
            throw new BrokenPromiseException($"{said} bytes were said, which is more than the {may} that may be");
    }
}
