using NUnit.Framework;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version1;
using Rx.IotLink.Tests.Protocol.Driving;

namespace Rx.IotLink.Tests.Protocol;

/// <summary>The first line of a connection: the id, as the server reads it.</summary>
public sealed class OpeningIdTests
{
    [TestCase("qos\\n", "qos")]
    [TestCase("1\\n", "1")]
    [TestCase("a b-c_d.e/f:g\\n", "a b-c_d.e/f:g")]
    [TestCase("gr\\xc3\\xbcn\\n", "grün")]
    public void The_first_line_is_the_id(string bytes, string id) => Assert.That(Read(bytes), Is.EqualTo((id, "")));

    [Test]
    public void What_follows_the_id_in_the_same_packet_is_held() => Assert.That(Read("qos\\n00hello\\n01wor"), Is.EqualTo(("qos", "00hello\\n01wor")));

    [TestCase("")]
    [TestCase("q")]
    [TestCase("qos")]
    public void Without_its_LF_there_is_no_id_yet_and_nothing_is_taken(string bytes) => Assert.That(Read(bytes), Is.EqualTo(((string?)null, bytes)));

    [TestCase("\\n", "empty", Description = "a keepalive whose id was lost on the way; the ancestor serves it")]
    [TestCase("\\xff\\n", "not UTF-8", Description = "ends the ancestor's server")]
    [TestCase("qos\\xc3\\n", "not UTF-8")]
    [TestCase("qos\\r\\n", "CR")]
    [TestCase("q\\ros\\n", "control character")]
    [TestCase("q\\x00s\\n", "control character")]
    [TestCase("q\\x7fs\\n", "control character")]
    [TestCase("\\x1b[2J\\n", "control character")]
    public void What_cannot_be_an_id_is_refused(string bytes, string why) =>
        Assert.That(() => Read(bytes), Throws.InstanceOf<ProtocolException>().With.Message.Contains(why));

    [TestCase(1, 1)]
    [TestCase(32, 32)]
    [TestCase(33, 32)]
    public void A_first_line_that_is_not_UTF8_is_reported_with_its_first_32_bytes(int length, int told) =>
        Assert.That(
            () => Read(string.Concat(Enumerable.Repeat("\\xff", length)) + "\\n"),
            Throws.TypeOf<ProtocolException>().With.Message.EqualTo("the first line is not UTF-8: " + string.Concat(Enumerable.Repeat("FF", told))));

    [TestCase(10, true)]
    [TestCase(11, false)]
    public void An_id_is_as_long_as_the_limit_and_no_longer_finished_or_not(int length, bool taken)
    {
        var id = new string('x', length);
        if (taken)
        {
            Assert.That(Read(id + "\\n", maxBytes: 10).Id, Is.EqualTo(id));
            Assert.That(Read(id, maxBytes: 10).Id, Is.Null);
            return;
        }

        Assert.That(() => Read(id + "\\n", maxBytes: 10), Throws.InstanceOf<ProtocolException>().With.Message.Contains("more than 10 bytes"));
        Assert.That(() => Read(id, maxBytes: 10), Throws.InstanceOf<ProtocolException>().With.Message.Contains("more than 10 bytes"));
    }

    [Test]
    public void The_limit_counts_bytes_not_characters() => Assert.That(() => Read("\\xc3\\xbc\\xc3\\xbc\\n", maxBytes: 3), Throws.InstanceOf<ProtocolException>());

    private static (string? Id, string Left) Read(string escaped, int maxBytes = LinkId.MaxBytes)
    {
        var bytes = Pieces.Of(Escaped.ToBytes(escaped));
        var found = FirstLine.TryRead(ref bytes, maxBytes, out var line);
        return (found ? IdOpening.Read(line, maxBytes).Id : null, Escaped.FromBytes(System.Buffers.BuffersExtensions.ToArray(bytes)));
    }
}
