namespace Rx.IotLink.Protocol.Version1;

/// <summary>The first line of a connection, client to server: the id.</summary>
internal sealed record IdOpening(string Id) : PeerOpening(Id, Version: 1)
{
    /// <summary>Takes the id that a client has sent.</summary>
    /// <exception cref="ProtocolException">The line is longer than an id may be, or is not an id.</exception>
    public static IdOpening Read(string line, int maxIdBytes) =>
        LinkId.Fault(line, maxIdBytes) is { } fault ? throw new ProtocolException($"the id {fault}") : new IdOpening(line);
}
