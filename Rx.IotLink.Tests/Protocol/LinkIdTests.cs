using NUnit.Framework;
using Rx.IotLink.Protocol;

namespace Rx.IotLink.Tests.Protocol;

/// <summary>What a device may be called, in both protocols.</summary>
public sealed class LinkIdTests
{
    [TestCase("a")]
    [TestCase(" ")]
    [TestCase("pump1/ü")]
    [TestCase("12345678")]
    [TestCase("üü€1")]
    public void Any_text_within_the_limit_is_an_id(string id) => Assert.That(LinkId.Fault(id, maxBytes: 8), Is.Null);

    [TestCase("", "is empty")]
    [TestCase("123456789", "has 9 bytes of UTF-8, the limit is 8")]
    [TestCase("üüüü1", "has 9 bytes of UTF-8, the limit is 8")]
    [TestCase("a\r", "ends in CR: lines end in LF alone")]
    [TestCase("\ra", "has a control character")]
    [TestCase("a\nb", "has a control character")]
    [TestCase("a\u0085b", "has a control character")]
    public void What_is_none_is_reported_with_its_reason(string id, string fault) => Assert.That(LinkId.Fault(id, maxBytes: 8), Is.EqualTo(fault));

    [TestCase('\ud83d')]
    [TestCase('\ude00')]
    public void Half_of_a_surrogate_pair_is_none(char half) => Assert.That(LinkId.Fault($"a{half}", maxBytes: 8), Is.EqualTo("is not valid text: it has half of a surrogate pair"));
}
