using System.Text;
using System.Text.Unicode;

namespace Rx.IotLink.Cli;

/// <summary>One line of the input: its text, or what is wrong with it.</summary>
/// <param name="Number">Its place in the input, from 1.</param>
/// <param name="Text">The text without its line feed; empty if there is a fault.</param>
/// <param name="Fault">The rest of a sentence, or null.</param>
internal readonly record struct InputLine(long Number, string Text, string? Fault);

/// <summary>
/// Splits a stream of UTF-8 at LF alone (a CR is payload). Never holds more than a buffer of it: a line longer than the
/// limit is passed over, however long it is. The last line may lack its LF; a byte order mark at the very start is not
/// text.
/// </summary>
internal sealed class InputLines(Stream input, int maxBytes, bool emptyIsLine = false)
{
    private const int ReadBytes = 16_384;
    private readonly byte[] buffer = new byte[maxBytes + ReadBytes];
    private int start;
    private int end;
    private long count;
    private bool overlong;

    /// <summary>Lines that were taken from the stream and not asked for yet.</summary>
    public int Buffered => Unread.Count((byte)'\n');

    private Span<byte> Unread => buffer.AsSpan(start, end - start);

    /// <summary>
    /// The next line, or null at the end of the input. A cancelled call loses nothing, but must be the last: the
    /// stream's own read may go on.
    /// </summary>
    public async Task<InputLine?> ReadAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var length = Unread.IndexOf((byte)'\n');
            if (length >= 0)
                return Take(length, withLineFeed: true);

            if (end - start > maxBytes)
            {
                overlong = true;
                start = end;
            }

            Unread.CopyTo(buffer);
            (start, end) = (0, end - start);

            // A read of a terminal or pipe cannot be cancelled, but it can be left behind.
            var read = await input.ReadAsync(buffer.AsMemory(end), cancellationToken).AsTask().WaitAsync(cancellationToken).ConfigureAwait(false);
            if (read == 0)
                return end > 0 || overlong ? Take(end, withLineFeed: false) : null;
            end += read;
        }
    }

    private InputLine Take(int length, bool withLineFeed)
    {
        ReadOnlySpan<byte> line = Unread[..length];
        start += withLineFeed ? length + 1 : length;
        if (++count == 1 && line.StartsWith(Encoding.UTF8.Preamble))
            line = line[Encoding.UTF8.Preamble.Length..];

        var fault = Fault(line);
        overlong = false;
        return new(count, fault is null ? Encoding.UTF8.GetString(line) : "", fault);
    }

    private string? Fault(ReadOnlySpan<byte> line)
    {
        if (overlong || line.Length > maxBytes)
            return $"it is longer than {maxBytes} bytes";
        if (line.IsEmpty && !emptyIsLine)
            return "it is empty";
        return Utf8.IsValid(line) ? null : "it is not valid UTF-8";
    }
}
