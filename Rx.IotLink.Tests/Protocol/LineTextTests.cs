using NUnit.Framework;
using Rx.IotLink.Protocol;

namespace Rx.IotLink.Tests.Protocol;

/// <summary>What may be written, checked before anything is sent.</summary>
public sealed class LineTextTests
{
    [Test]
    public void Empty_text_is_refused_since_it_would_be_a_keepalive_or_an_acknowledgement() =>
        Assert.That(Driving.ProtocolDriver.Open(Driving.Side.Client).Protocol.Fault(bytes: 0), Does.Contain("empty"));

    [Test]
    public void Null_is_refused() => Assert.That(() => LineText.Check((string)null!, 10), Throws.ArgumentNullException);

    [TestCase("\n", 0)]
    [TestCase("a\nb", 1)]
    [TestCase("ab\n", 2)]
    [TestCase("a\r\n", 2)]
    public void An_embedded_LF_is_refused_since_it_would_forge_a_line(string text, int at) =>
        Assert.That(() => LineText.Check(text, 10), Throws.ArgumentException.With.Message.Contains($"index {at}"));

    [TestCase('\ud83d', "")]
    [TestCase('\ud83d', "b")]
    [TestCase('\ude00', "b")]
    public void Half_of_a_surrogate_pair_is_refused(char half, string after) =>
        Assert.That(() => LineText.Check("a" + half + after, 10), Throws.ArgumentException.With.Message.Contains("surrogate"));

    [Test]
    public void A_text_longer_than_the_limit_in_bytes_is_refused() =>
        Assert.That(() => LineText.Check("ééééé1", 10), Throws.ArgumentException.With.Message.Contains("at most 10 bytes").And.Message.Contains("11"));

    [TestCase("a", 1)]
    [TestCase("a\rb\0", 4)]
    [TestCase("éééé€", 11)]
    [TestCase("0123456789ab", 12)]
    public void Anything_else_is_a_line_and_its_length_is_reported_in_bytes(string text, int bytes) => Assert.That(LineText.Check(text, 12), Is.EqualTo(bytes));

    [TestCase("a\\nb", "one is at byte 1")]
    [TestCase("\\n", "one is at byte 0")]
    [TestCase("\\xc3", "must be valid UTF-8")]
    [TestCase("0123456789a", "at most 10 bytes of UTF-8 (MaxLineBytes); this one has 11")]
    public void A_line_that_is_given_as_bytes_keeps_the_same_rules(string escaped, string told) =>
        Assert.That(() => LineText.Check(Driving.Escaped.ToBytes(escaped), 10), Throws.ArgumentException.With.Message.Contains(told));

    [TestCase("")]
    [TestCase("0123456789")]
    [TestCase("\\xc3\\xa9\\r")]
    public void Any_other_bytes_are_a_line(string escaped) => Assert.That(() => LineText.Check(Driving.Escaped.ToBytes(escaped), 10), Throws.Nothing);
}
