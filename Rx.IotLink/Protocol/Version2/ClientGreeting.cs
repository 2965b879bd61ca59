namespace Rx.IotLink.Protocol.Version2;

/// <summary>The client's part of proving that both ends know the device's key.</summary>
internal sealed class ClientGreeting(Version2Settings settings)
{
    private string opening = "";
    private ulong connections;

    // The bit of the nonce that chooses between two keys of the server: the value that worked, or the other one.
    private int? side;
    private int said;

    /// <summary>Continues to count connections from a kept memory.</summary>
    public void Restore(SessionMemory memory) => connections = memory.Connections;

    /// <summary>A connection begins: its number.</summary>
    public ulong Connect() => ++connections;

    /// <summary>The first line of the connection.</summary>
    public string Open(SessionOffer offer)
    {
        var nonce = settings.Key is null ? null : Draw();
        return opening = new ClientOpening(settings.Id, connections, offer, nonce).Write();
    }

    /// <summary>
    /// The answer to the server's proof; null if that proof is wrong: then this end proves nothing either.
    /// </summary>
    public string? Prove(Tokens challenge)
    {
        // It makes the macs of this connection different from all others. It is used as written on the line, since the
        // line is signed.
        _ = challenge.RequiredBytes("nonce", Proof.NonceBytes);
        var mac = challenge.RequiredBytes("mac", Proof.MacBytes);
        var signed = challenge.LineWithout("mac");
        var key = settings.Key!.Value.Span;
        var good = Proof.Same(Proof.OfServer(key, opening, signed), mac);
        side = good ? said : 1 - said;
        return good
            ? Tokens.Format("proof", ("mac", Proof.Hex(Proof.OfClient(key, opening, signed))))
            : null;
    }

    private byte[] Draw()
    {
        var nonce = new byte[Proof.NonceBytes];
        settings.Random(nonce);
        if (side is { } known)
            nonce[^1] = (byte)((nonce[^1] & ~1) | known);
        said = Proof.Side(nonce);
        return nonce;
    }
}
