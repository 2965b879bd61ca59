namespace Rx.IotLink;

/// <summary>
/// Which version of the protocol a client speaks next if its options name none. It is 2; or 1 for one attempt, if the
/// server seems to know only 1. That answer may come from an impostor. So the client continues with 1 only after it
/// worked for a while, and still tries 2 again.
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
    /// <param name="spoken">The version on the last connection.</param>
    /// <param name="asked">The version that the server asked for.</param>
    /// <param name="lasted">Whether the last connection was up for a timeout.</param>
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
