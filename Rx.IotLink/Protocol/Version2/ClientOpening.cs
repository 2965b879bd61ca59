using System.Globalization;

namespace Rx.IotLink.Protocol.Version2;

/// <summary>
/// What each end sends about itself in an opening: its memory of the session, and what it is ready to receive.
/// </summary>
/// <param name="Epoch">64 random bits that name one continuous memory of this link at the sender.</param>
/// <param name="Tx">
/// Number of the oldest line the sender still holds unacknowledged (the next one it will send, if none).
/// </param>
/// <param name="Peer">The epoch of the other end that the sender remembers, or null.</param>
/// <param name="Rx">The number of the last line it accepted from that epoch; 0 with no <paramref name="Peer"/>.</param>
/// <param name="Seen">
/// The number of the last line of that epoch that has arrived, and may still wait for the application; at least
/// <paramref name="Rx"/>. A sender with an older memory would give that number to another line.
/// </param>
/// <param name="Window">The most unacknowledged lines the sender is ready to receive.</param>
/// <param name="Max">
/// The longest line, in bytes without LF and without its mark, that the sender is ready to receive.
/// </param>
internal sealed record SessionOffer(ulong Epoch, ulong Tx, ulong? Peer, ulong Rx, ulong Seen, int Window, int Max)
{
    public const int MaxWindow = 16_384;

    private const ulong MaxNumber = ulong.MaxValue - MaxWindow;

    public static SessionOffer Read(Tokens tokens)
    {
        var (peer, rx) = (tokens.Epoch("peer"), tokens.Number("rx", 0, MaxNumber));
        if (peer is null != rx is null)
            throw new ProtocolException("the opening has only one of peer and rx");
        return new SessionOffer(
            tokens.RequiredEpoch("epoch"),
            tokens.RequiredNumber("tx", 1, MaxNumber),
            peer,
            rx ?? 0,
            tokens.Number("seen", rx ?? 0, MaxNumber) ?? rx ?? 0,
            (int)tokens.RequiredNumber("window", 1, MaxWindow),
            (int)tokens.RequiredNumber("max", 1, 1_048_576));
    }

    public (string Key, string? Value)[] Write() =>
    [
        ("epoch", Hex(Epoch)), ("tx", Decimal(Tx)), ("peer", Peer is { } peer ? Hex(peer) : null), ("rx", Peer is null ? null : Decimal(Rx)), ("seen", Peer is null || Seen == Rx ? null : Decimal(Seen)),
        ("window", Decimal((ulong)Window)), ("max", Decimal((ulong)Max)),
    ];

    private static string Hex(ulong epoch) => epoch.ToString("x16", CultureInfo.InvariantCulture);

    private static string Decimal(ulong number) => number.ToString(CultureInfo.InvariantCulture);
}

/// <summary>The client's first line.</summary>
/// <param name="Id">The client's name.</param>
/// <param name="Connection">
/// The number of this connection among all of the client's memory, so that a late opening does not count as a newer
/// one. It continues across epochs.
/// </param>
/// <param name="Offer">Its side of the session.</param>
/// <param name="Nonce">16 random bytes, if it wants both ends to prove that they know its key.</param>
internal sealed record ClientOpening(string Id, ulong Connection, SessionOffer Offer, byte[]? Nonce) : PeerOpening(Id, Version: 2)
{
    public const string Auth = "hmac-sha256";

    public static ClientOpening Read(Tokens tokens, int maxIdBytes)
    {
        var id = tokens.RequiredText("id");
        if (LinkId.Fault(id, maxIdBytes) is { } fault)
            throw new ProtocolException($"the id {fault}");
        var nonce = tokens.Value("auth") switch
        {
            null => null,
            Auth => tokens.RequiredBytes("nonce", Proof.NonceBytes),
            _ => throw new ProtocolException($"auth in the opening is not {Auth}"),
        };
        return new ClientOpening(id, tokens.RequiredNumber("conn", 1, ulong.MaxValue), SessionOffer.Read(tokens), nonce);
    }

    public string Write() => Tokens.Format("", [("id", Id), ("conn", Connection.ToString(CultureInfo.InvariantCulture)), .. Offer.Write(), ("auth", Nonce is null ? null : Auth), ("nonce", Proof.Hex(Nonce))]);
}
