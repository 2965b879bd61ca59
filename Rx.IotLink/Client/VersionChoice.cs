namespace Rx.IotLink;

/// <summary>
/// Which version of the protocol a client speaks next that was not told one. Protocol 2; and 1 for one attempt, where
/// the server seems to know no other. Whether it does is nothing but somebody's word: so 1 is gone on with only after
/// it served for a while, and 2 is tried again all the same.
/// </summary>
/// <remarks>
/// A server of micropython-iot takes each attempt with 2 for a new device with an odd name, and remembers it. So 2 is
/// tried again after 1, 2, 4 … sessions of protocol 1, at most <see cref="Most"/>.
/// </remarks>
internal sealed class VersionChoice
{
    private const int Most = 64;

    private int sessions;
    private int patience = 1;

    /// <summary>The version for the next connection.</summary>
    /// <param name="spoken">What was spoken on the last.</param>
    /// <param name="asked">What the server asked for.</param>
    /// <param name="lasted">Whether it was up for a timeout.</param>
    public int Next(int spoken, int asked, bool lasted)
    {
        if (spoken == 2)
        {
            if (asked == 2 && lasted)
                patience = 1;
            return asked;
        }

        if (lasted && ++sessions < patience)
            return 1;
        patience = lasted ? Math.Min(2 * patience, Most) : 1;
        sessions = 0;
        return 2;
    }
}
