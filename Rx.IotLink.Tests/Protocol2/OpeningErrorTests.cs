using System.Buffers;
using System.Text;
using NUnit.Framework;
using NUnit.Framework.Constraints;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Tests.Protocol2.Driving;

namespace Rx.IotLink.Tests.Protocol2;

/// <summary>
/// The grammar of an opening and its limits: what keeps them is taken, what breaks one is refused with a text that
/// names the rule and the offender.
/// </summary>
public sealed class OpeningErrorTests
{
    private const string Least = "IOTLINK/2 id=a conn=1 epoch=1 tx=1 window=9 max=99";

    [TestCase("", "must begin with IOTLINK/2")]
    [TestCase(" ", "must begin with IOTLINK/2")]
    [TestCase("IOTLINK/3 id=a", "must begin with IOTLINK/2")]
    [TestCase("IOTLINK/2 ok id=a", "has no word, not 'ok'")]
    [TestCase(Least + " word", "'word' in the opening is not key=value")]
    [TestCase(Least + " =1", "'=1' in the opening is not key=value")]
    [TestCase(Least + " tx=2", "'tx' stands twice")]
    public void A_line_that_breaks_the_grammar(string line, string told) => Assert.That(() => Read(line), Refused(told));

    [TestCase("id")]
    [TestCase("conn")]
    [TestCase("epoch")]
    [TestCase("tx")]
    [TestCase("window")]
    [TestCase("max")]
    public void A_token_that_is_missing(string key) => Assert.That(() => Read(Without(key)), Refused($"the opening has no {key}"));

    [TestCase("conn=0", "conn=0 in the opening is not a number from 1 to 18446744073709551615")]
    [TestCase("conn=18446744073709551616", "conn=18446744073709551616 in the opening is not a number from 1 to 18446744073709551615")]
    [TestCase("tx=0", "tx=0 in the opening is not a number from 1 to 18446744073709535231")]
    [TestCase("tx=18446744073709535232", "tx=18446744073709535232 in the opening is not")]
    [TestCase("tx=+1", "tx=+1 in the opening is not a number")]
    [TestCase("window=0", "window=0 in the opening is not a number from 1 to 16384")]
    [TestCase("window=16385", "window=16385 in the opening is not a number from 1 to 16384")]
    [TestCase("max=0", "max=0 in the opening is not a number from 1 to 1048576")]
    [TestCase("max=1048577", "max=1048577 in the opening is not a number from 1 to 1048576")]
    [TestCase("epoch=", "epoch= in the opening is not 1 to 16 hex digits")]
    [TestCase("epoch=xyz", "epoch=xyz in the opening is not 1 to 16 hex digits")]
    [TestCase("epoch=00000000000000001", "epoch=00000000000000001 in the opening is not 1 to 16 hex digits")]
    public void A_value_beyond_its_limit(string token, string told) => Assert.That(() => Read(With(token)), Refused(told));

    [TestCase(" peer=2", "only one of peer and rx")]
    [TestCase(" rx=2", "only one of peer and rx")]
    [TestCase(" peer=2 rx=18446744073709535232", "rx=18446744073709535232 in the opening is not a number from 0 to 18446744073709535231")]
    [TestCase(" peer=2 rx=5 seen=4", "seen=4 in the opening is not a number from 5 to 18446744073709535231")]
    [TestCase(" peer=2 rx=5 seen=18446744073709535232", "seen=18446744073709535232 in the opening is not")]
    [TestCase(" auth=rot13", "auth in the opening is not hmac-sha256")]
    [TestCase(" auth=hmac-sha256", "the opening has no nonce")]
    [TestCase(" auth=hmac-sha256 nonce=0000000000000000000000000000000", "nonce in the opening is not 32 hex digits")]
    [TestCase(" auth=hmac-sha256 nonce=0000000000000000000000000000000z", "nonce in the opening is not 32 hex digits")]
    public void A_token_that_may_be_absent_but_not_so(string tokens, string told) => Assert.That(() => Read(Least + tokens), Refused(told));

    [TestCase("id=", "the id is empty")]
    [TestCase("id=%4", "'%4' in the opening has a % that is not followed by two hex digits")]
    [TestCase("id=a%", "'a%' in the opening has a %")]
    [TestCase("id=%zz", "'%zz' in the opening has a %")]
    [TestCase("id=%ff", "percent-encoded value in the opening is not UTF-8")]
    [TestCase("id=a%0Db", "the id has a control character")]
    [TestCase("id=%C3%BC%C3%BC", "the id has 4 bytes of UTF-8, the limit is 3")]
    public void An_id_that_is_none(string token, string told) => Assert.That(() => Read(With(token), maxIdBytes: 3), Refused(told));

    [Test]
    public void What_is_just_within_the_limits_is_taken()
    {
        var opening = Read("IOTLINK/2 id=abc conn=18446744073709551615 epoch=ffffffffffffffff tx=18446744073709535231 peer=0 rx=18446744073709535231 seen=18446744073709535231 window=16384 max=1048576", maxIdBytes: 3);

        Assert.That(opening, Is.EqualTo(new ClientOpening(
            "abc",
            ulong.MaxValue,
            new SessionOffer(ulong.MaxValue, ulong.MaxValue - 16_384, Peer: 0, ulong.MaxValue - 16_384, ulong.MaxValue - 16_384, Window: 16_384, Max: 1_048_576),
            Nonce: null)));
    }

    [Test]
    public void What_is_not_said_of_the_session_is_as_little_as_it_can_be()
    {
        Assert.That(Read(Least).Offer, Is.EqualTo(new SessionOffer(Epoch: 1, Tx: 1, Peer: null, Rx: 0, Seen: 0, Window: 9, Max: 99)));
        Assert.That(Read(Least + " peer=7 rx=5").Offer, Is.EqualTo(new SessionOffer(Epoch: 1, Tx: 1, Peer: 7, Rx: 5, Seen: 5, Window: 9, Max: 99)), "what was accepted has arrived");
    }

    [TestCase("IOTLINK/2", true)]
    [TestCase("IOTLINK/2 ", true)]
    [TestCase("IOTLINK/2 id=a", true)]
    [TestCase("IOTLINK/2id=a", false)]
    [TestCase("IOTLINK/20", false)]
    [TestCase("iotlink/2 id=a", false)]
    [TestCase("IOTLINK/", false)]
    [TestCase("", false)]
    [TestCase("pump-1", false)]
    public void The_first_line_shows_the_version(string line, bool isVersion2)
    {
        Assert.That(Tokens.IsOpening(line), Is.EqualTo(isVersion2));
        Assert.That(Tokens.Begins(Bytes(line + "\n")), Is.EqualTo(isVersion2), "as bytes");
    }

    [TestCase("IOTLINK/2 id=endless", true)]
    [TestCase("IOTLINK/2 ", true)]
    [TestCase("IOTLINK/2", false)]
    [TestCase("IOTLINK/20", false)]
    [TestCase("IOTLINK", false)]
    public void An_unfinished_first_line_shows_it_as_soon_as_it_can(string begin, bool isVersion2) => Assert.That(Tokens.Begins(Bytes(begin)), Is.EqualTo(isVersion2));

    [TestCase(32, false)]
    [TestCase(33, true)]
    public void A_long_offender_is_named_by_its_beginning(int length, bool shortened)
    {
        var word = new string('x', length);
        Assert.That(() => Read($"{Least} {word}"), Refused(shortened ? $"'{word[..32]}… ({length - 32} more)' in the opening" : $"'{word}' in the opening"));
    }

    [Test]
    public void What_is_not_a_proof_where_it_must_be()
    {
        var greeting = new ServerGreeting(_ => [new byte[16]], EndOptions.Seeded(1), LinkId.MaxBytes);
        greeting.First(Least + " auth=hmac-sha256 nonce=00000000000000000000000000000000");

        Assert.That(() => greeting.Second("IOTLINK/2 ok"), Refused("'ok' where the client's proof must be"));
        Assert.That(() => greeting.Second("IOTLINK/2 proof"), Refused("the opening has no mac"));
        Assert.That(() => greeting.Second("IOTLINK/2 proof mac=00"), Refused("mac in the opening is not 64 hex digits"));
    }

    [Test]
    public void What_is_not_proven_says_so_in_one_way() => Assert.That(new NotProvenException().Message, Is.EqualTo("it did not prove that it knows its key"));

    [TestCase("pump 1/ü~._-", "IOTLINK/2 id=pump%201%2F%C3%BC~._- conn=2")]
    [TestCase("%", "IOTLINK/2 id=%25 conn=2")]
    [TestCase("azAZ09", "IOTLINK/2 id=azAZ09 conn=2")]
    public void Values_are_percent_encoded_but_for_the_unreserved_characters(string id, string begins)
    {
        var opening = new ClientOpening(id, 2, new SessionOffer(1, 1, null, 0, 0, 1, 1), Nonce: null).Write();

        Assert.That(opening, Does.StartWith(begins));
        Assert.That(Read(opening).Id, Is.EqualTo(id));
    }

    private static ClientOpening Read(string line, int maxIdBytes = LinkId.MaxBytes)
    {
        var greeting = new ServerGreeting(keysOf: null, EndOptions.Seeded(1), maxIdBytes);
        Assert.That(greeting.First(line), Is.Null, "no challenge where no key is asked for");
        return greeting.Opening!;
    }

    private static ReadOnlySequence<byte> Bytes(string text) => new(Encoding.UTF8.GetBytes(text));

    private static string Without(string key) => string.Join(' ', Least.Split(' ').Where(token => !token.StartsWith(key + "=", StringComparison.Ordinal)));

    private static string With(string token) => $"{Without(token[..token.IndexOf('=', StringComparison.Ordinal)])} {token}";

    private static ContainsConstraint Refused(string told) => Throws.TypeOf<ProtocolException>().With.Message.Contains(told);
}
