namespace Examples.PeerToPeer;

/// <summary>A line from one client to another.</summary>
/// <param name="To">Whom it is for.</param>
/// <param name="Hops">How often it was passed on.</param>
internal sealed record Letter(string To, long Hops)
{
    public Letter PassedTo(string next) => new(next, Hops + 1);
}
