namespace Rx.IotLink.Protocol.Version2;

/// <summary>
/// The server's part of an opening, before there is a link: it reads the client's first line. If keys are required, it
/// proves itself and asks for the client's proof.
/// </summary>
/// <param name="keysOf">The keys of a device, if it has any; null on an open server.</param>
/// <param name="random">The source of nonces.</param>
/// <param name="maxIdBytes">The longest id.</param>
internal sealed class ServerGreeting(Func<string, IReadOnlyList<ReadOnlyMemory<byte>>>? keysOf, FillRandom random, int maxIdBytes)
{
    private byte[] expected = [];
    private bool known;

    public ClientOpening? Opening { get; private set; }

    /// <summary>Identifies the key of the proofs; 0 on an open server.</summary>
    public ulong KeyMark { get; private set; }

    /// <summary>
    /// Takes the client's first line. Gives a challenge to send, or null if no proof is needed.
    /// </summary>
    /// <exception cref="ProtocolException">The line is malformed.</exception>
    /// <exception cref="NotProvenException">The server asks for proof and the client offers none.</exception>
    public string? First(string line)
    {
        var tokens = Tokens.Parse(line);
        if (tokens.Word.Length > 0)
            throw new ProtocolException($"a client's opening has no word, not '{Printable.Of(tokens.Word)}'");
        Opening = ClientOpening.Read(tokens, maxIdBytes);
        if (keysOf is null)
            return null;
        if (Opening.Nonce is null)
            throw new NotProvenException();

        // For an id without a key the server does the same work with a key that nobody has, and sends the same answer.
        var secret = new byte[Proof.MacBytes];
        var nonce = new byte[Proof.NonceBytes];
        random(secret);
        random(nonce);
        var keys = Proof.Usable(keysOf(Opening.Id));
        known = keys.Length > 0;
        // It proves itself first, and cannot know which of two keys the client has: the client's nonce chooses.
        var span = known ? keys[keys.Length > 1 ? Proof.Side(Opening.Nonce) : 0].Span : secret;
        KeyMark = Proof.Mark(span);
        var challenge = Proof.Challenge(nonce);
        expected = Proof.OfClient(span, line, challenge);
        return $"{challenge} mac={Proof.Hex(Proof.OfServer(span, line, challenge))}";
    }

    /// <summary>Takes the client's proof.</summary>
    /// <exception cref="ProtocolException">The line is malformed.</exception>
    /// <exception cref="NotProvenException">The proof is wrong.</exception>
    public void Second(string line)
    {
        var tokens = Tokens.Parse(line);
        if (tokens.Word != "proof")
            throw new ProtocolException($"'{Printable.Of(tokens.Word)}' where the client's proof must be");
        // Both proofs are compared, whatever the first result is.
        if (!(Proof.Same(expected, tokens.RequiredBytes("mac", Proof.MacBytes)) & known))
            throw new NotProvenException();
    }
}

/// <summary>
/// A client did not prove that it knows its key: an unknown id, no proof, or a wrong one. The client must not learn
/// which.
/// </summary>
internal sealed class NotProvenException() : Exception("it did not prove that it knows its key");
