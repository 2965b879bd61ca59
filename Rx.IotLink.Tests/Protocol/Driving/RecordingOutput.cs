using System.Buffers;
using System.Text;

namespace Rx.IotLink.Tests.Protocol.Driving;

/// <summary>
/// Hands on every line as soon as its LF is written, so that what is said keeps its place among what happens.
/// </summary>
internal sealed class RecordingOutput(Action<string> line) : IBufferWriter<byte>
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly ArrayBufferWriter<byte> unfinished = new();

    /// <summary>Whether bytes without an LF were said.</summary>
    public bool HasUnfinishedLine => unfinished.WrittenCount > 0;

    public void Advance(int count)
    {
        unfinished.Advance(count);
        while (unfinished.WrittenSpan.IndexOf((byte)'\n') is var end and >= 0)
        {
            var rest = unfinished.WrittenSpan[(end + 1)..].ToArray();
            line(Strict.GetString(unfinished.WrittenSpan[..end]));
            unfinished.ResetWrittenCount();
            unfinished.Write(rest);
        }
    }

    public Memory<byte> GetMemory(int sizeHint = 0) => unfinished.GetMemory(sizeHint);

    public Span<byte> GetSpan(int sizeHint = 0) => unfinished.GetSpan(sizeHint);
}
