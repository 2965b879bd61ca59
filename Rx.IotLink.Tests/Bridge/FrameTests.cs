using NUnit.Framework;
using Rx.IotLink.Nano.Bridge;

namespace Rx.IotLink.Tests.Bridge;

/// <summary>A frame is found in whatever bytes come, and what is no frame is never taken for one.</summary>
public sealed class FrameTests
{
    [Test]
    public void The_checksum_is_that_of_Ethernet() => Assert.That(Crc32.Of("123456789"u8.ToArray(), 9), Is.EqualTo(unchecked((int)0xCBF43926)));

    [Test]
    public void A_frame_of_any_length_comes_back_as_it_was([Values(0, 1, 2, 3, 50, 111, 112)] int payload, [Values("zeros", "random", "ones")] string kind)
    {
        var body = Body(payload, kind);
        var encoded = Encode(body, payload);
        Assert.That(encoded, Has.Length.LessThanOrEqualTo(Frame.MaxEncoded));
        Assert.That(encoded[1..^1], Does.Not.Contain((byte)0));
        Assert.That(Read(encoded), Is.EqualTo(new[] { body[..(Frame.Header + payload)] }));
    }

    [Test]
    public void No_flipped_bit_lost_or_doubled_byte_or_cut_makes_another_frame([Values(0, 7, 112)] int payload)
    {
        var encoded = Encode(Body(payload, "random"), payload);
        var good = Read(encoded);
        foreach (var (damage, damaged) in Damages(encoded))
        {
            // Two frames with a good one after the damage: that one is found, and the damaged one is found as it was,
            // or
            // not at all.
            var found = Read([.. damaged, .. encoded]);
            Assert.That(found, Has.Count.InRange(1, 2), damage);
            Assert.That(found, Is.All.EqualTo(good[0]), damage);
        }
    }

    [Test]
    public void Any_bytes_are_read_without_an_exception_and_the_next_frame_is_found([Range(1, 50)] int seed)
    {
        var random = new Random(seed);
        var reader = new FrameReader();
        var frame = Encode(Body(20, "random"), 20);
        for (var round = 0; round < 200; round++)
        {
            var noise = new byte[random.Next(400)];
            random.NextBytes(noise);
            // Noise without zeros, and with many, is another thing to a reader.
            if (round % 3 == 1)
                noise = [.. noise.Select(b => b == 0 ? (byte)1 : b)];
            if (round % 3 == 2)
                noise = [.. noise.Select(b => b < 64 ? (byte)0 : b)];
            Assert.That(noise.Count(reader.Take), Is.Zero, $"round {round}");
            Assert.That(frame.Count(reader.Take), Is.EqualTo(1), $"round {round}");
        }

        Assert.That(reader.BadFrames, Is.Positive);
    }

    [Test]
    public void A_text_of_another_program_is_no_frame()
    {
        var reader = new FrameReader();
        var text = string.Concat(Enumerable.Repeat("rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n", 50));
        Assert.That(text.Count(c => reader.Take((byte)c)), Is.Zero);
        Assert.That(Encode(Body(3, "random"), 3).Count(reader.Take), Is.EqualTo(1));
        Assert.That(reader.BadFrames, Is.EqualTo(1), "what lies between two zeros counts once");
    }

    private static byte[] Body(int payload, string kind)
    {
        var body = new byte[Frame.MaxBody];
        if (kind == "random")
            new Random(payload + 1).NextBytes(body);
        if (kind == "ones")
            Array.Fill(body, (byte)1);
        return body;
    }

    private static byte[] Encode(byte[] body, int payload)
    {
        var output = new byte[Frame.MaxEncoded];
        return output[..Frame.Encode(body, payload, output)];
    }

    private static List<byte[]> Read(byte[] bytes)
    {
        var reader = new FrameReader();
        return [.. bytes.Where(reader.Take).Select(_ => reader.Body[..(Frame.Header + reader.Payload)])];
    }

    private static IEnumerable<(string Damage, byte[] Bytes)> Damages(byte[] encoded)
    {
        for (var at = 0; at < encoded.Length; at++)
        {
            for (var bit = 0; bit < 8; bit++)
            {
                var flipped = encoded.ToArray();
                flipped[at] ^= (byte)(1 << bit);
                yield return ($"bit {bit} of byte {at} flipped", flipped);
            }

            yield return ($"byte {at} lost", [.. encoded[..at], .. encoded[(at + 1)..]]);
            yield return ($"byte {at} doubled", [.. encoded[..(at + 1)], .. encoded[at..]]);
            yield return ($"cut before byte {at}", encoded[..at]);
            yield return ($"begins with byte {at}", encoded[at..]);
        }
    }
}
