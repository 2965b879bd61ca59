using NUnit.Framework;
using Rx.IotLink.Protocol;
using Rx.IotLink.Tests.Protocol.Driving;

namespace Rx.IotLink.Tests.Protocol;

/// <summary>What a line is, and what each kind of line means: the same at both ends.</summary>
[TestFixture(Side.Client)]
[TestFixture(Side.Server)]
public sealed class FramingTests(Side side)
{
    [Test]
    public void An_empty_line_is_a_keepalive()
    {
        var end = ProtocolDriver.Open(side);
        end.Receive("\n\n");
        Assert.That(end.Take(), Is.EqualTo(["heartbeat", "heartbeat"]));
    }

    [Test]
    public void A_line_of_two_bytes_is_the_acknowledgement_of_that_mid()
    {
        var end = ProtocolDriver.Open(side);
        end.Write("a");
        end.Receive("00\n");
        Assert.That(end.Take(), Is.EqualTo(["> 00a", "finished a"]));
    }

    [Test]
    public void Any_longer_line_is_a_message_of_a_mid_and_a_payload()
    {
        var end = ProtocolDriver.Open(side);
        end.Receive("00a\n01{\"n\": 1}\n");
        Assert.That(end.Take(), Is.EqualTo(["line a", "line {\"n\": 1}"]));
    }

    [Test]
    public void A_message_is_said_as_its_mid_its_text_and_LF()
    {
        var end = ProtocolDriver.Open(side);
        end.Write("{\"n\": 1}");
        Assert.That(end.Take(), Is.EqualTo(["> 00{\"n\": 1}"]));
    }

    [Test]
    public void An_acknowledgement_is_said_as_the_mid_alone()
    {
        var end = ProtocolDriver.Open(side);
        end.Receive("00a\n");
        end.Take();
        end.Accept();
        Assert.That(end.Take(), Is.EqualTo(["> 00"]));
    }

    [Test]
    public void A_keepalive_is_said_as_an_empty_line()
    {
        var end = ProtocolDriver.Open(side);
        end.Protocol.Keepalive();
        Assert.That(end.Take(), Is.EqualTo(["> "]));
    }

    [Test]
    public void Text_is_UTF8_both_ways()
    {
        var end = ProtocolDriver.Open(side);
        end.Receive("00grün € \U0001F600\n");
        end.Write("grün € \U0001F600");
        Assert.That(end.Take(), Is.EqualTo(["line grün € \U0001F600", "> 00grün € \U0001F600"]));
    }

    [Test]
    public void A_line_ends_in_LF_alone_and_CR_is_payload()
    {
        var end = ProtocolDriver.Open(side);
        end.Receive("00a\r\n01\rb\r\r\n02\r\n");
        end.Write("c\r");
        Assert.That(end.Take(), Is.EqualTo(["line a\r", "line \rb\r\r", "line \r", "> 00c\r"]));
    }

    [Test]
    public void A_CR_before_the_LF_of_a_keepalive_is_refused()
    {
        var end = ProtocolDriver.Open(side);
        Assert.That(() => end.Receive("\r\n"), Throws.TypeOf<ProtocolException>().With.Message.Contains("CR LF"));
    }

    [Test]
    public void A_line_of_one_byte_is_refused()
    {
        var end = ProtocolDriver.Open(side);
        Assert.That(() => end.Receive("x\n"), Throws.TypeOf<ProtocolException>().With.Message.EqualTo("a line of one byte, 0x78: too short for a message id"));
    }

    [TestCase("zz\n")]
    [TestCase("0g\n")]
    [TestCase("g0\n")]
    [TestCase("0A\n", Description = "upper case")]
    [TestCase("A0\n", Description = "upper case")]
    [TestCase(" 1\n")]
    [TestCase("1 \n")]
    [TestCase("+1\n")]
    [TestCase("0/\n", Description = "before '0'")]
    [TestCase("0:\n", Description = "after '9'")]
    [TestCase("0`\n", Description = "before 'a'")]
    [TestCase("é\n", Description = "two bytes of one character")]
    [TestCase("xyz\n")]
    [TestCase("0Aline\n")]
    [TestCase("é0line\n")]
    public void A_mid_is_two_lower_case_hex_digits_and_nothing_else(string line)
    {
        var end = ProtocolDriver.Open(side);
        Assert.That(() => end.Receive(line), Throws.TypeOf<ProtocolException>().With.Message.Contains("two lower-case hex digits"));
        Assert.That(end.Take(), Is.Empty);
    }

    [Test]
    public void Every_pair_of_lower_case_hex_digits_is_a_mid()
    {
        var end = ProtocolDriver.Open(side);
        for (var mid = 0; mid < 256; mid++)
            end.Receive($"{mid:x2}line {mid}\n");
        Assert.That(end.Take(), Is.EqualTo(Enumerable.Range(0, 256).Select(mid => $"line line {mid}")));
    }

    [TestCase("00\\xff")]
    [TestCase("00\\xc3", Description = "half a character")]
    [TestCase("00\\xed\\xa0\\x80", Description = "half of a surrogate pair")]
    [TestCase("00\\xc0\\x80", Description = "overlong")]
    public void Bytes_that_are_not_UTF8_are_refused(string escaped)
    {
        var end = ProtocolDriver.Open(side);
        Assert.That(() => end.Receive(Escaped.ToBytes(escaped + "\\n")), Throws.TypeOf<ProtocolException>().With.Message.EqualTo("message 00 is not UTF-8"));
    }

    [Test]
    public void Lines_before_a_malformed_one_are_taken_and_those_after_it_are_not()
    {
        var end = ProtocolDriver.Open(side);
        Assert.That(() => end.Receive("00a\n\n01b\nzz\n02c\n"), Throws.TypeOf<ProtocolException>());
        Assert.That(end.Take(), Is.EqualTo(["line a", "heartbeat", "line b"]));
    }

    [Test]
    public void An_unfinished_line_is_left_until_its_LF_comes()
    {
        var end = ProtocolDriver.Open(side);
        end.Receive("00hel");
        end.Receive("lo");
        Assert.That(end.Take(), Is.Empty);
        end.Receive("\n01x");
        Assert.That(end.Take(), Is.EqualTo(["line hello"]));
    }

    [Test]
    public void A_line_is_as_long_as_the_limit_and_no_longer_finished_or_not()
    {
        var limit = new ProtocolDriver(side, maxLineBytes: 10);
        limit.ConnectAndOpen();
        limit.Receive("00aaaaaaaaaa\n01ééé€x\n");
        limit.Receive("02bbbbbbbbbb");
        Assert.That(() => limit.Receive("b"), Throws.InstanceOf<ProtocolException>().With.Message.Contains("more than 12 bytes"));

        var beyond = new ProtocolDriver(side, maxLineBytes: 10);
        beyond.ConnectAndOpen();
        Assert.That(() => beyond.Receive("00aaaaaaaaaaa\n"), Throws.InstanceOf<ProtocolException>().With.Message.Contains("more than 12 bytes"));
    }

    [Test]
    public void Bytes_that_come_when_there_is_no_connection_are_a_mistake_of_the_caller()
    {
        var end = new ProtocolDriver(side);
        Assert.That(() => end.Receive("\n"), Throws.InvalidOperationException.With.Message.EqualTo($"Bytes cannot happen to a {side} that is Disconnected."));
        end.ConnectAndOpen();
        Assert.That(end.Connect, Throws.InvalidOperationException.With.Message.EqualTo($"Connect cannot happen to a {side} that is Open."), "connected already");
    }
}
