using System.Text;
using System.Text.Unicode;

namespace Rx.IotLink.Cli;

/// <summary>One line of the input: its text, or what is wrong with it.</summary>
/// <param name="Number">Its place in the input, from 1.</param>
/// <param name="Text">The text without its line feed; empty if there is a fault.</param>
/// <param name="Fault">The rest of a sentence, or null.</param>
internal readonly record struct InputLine(long Number, string Text, string? Fault);

/// <summary>
/// Splits a stream of UTF-8 at LF alone (a CR is payload). Never holds more than a buffer of it: a line longer than the limit is passed over,
/// however long it is. The last line may lack its LF; a byte order mark at the very start is not text.
/// </summary>
internal sealed class InputLines
{
    private const int ReadBytes = 16_384;
    private readonly Stream _input;
    private readonly int _maxBytes;
    private readonly byte[] _buffer;
    private int _start;
    private int _end;
    private long _number;
    private bool _overlong;

    public InputLines(Stream input, int maxBytes)
    {
        _input = input;
        _maxBytes = maxBytes;
        _buffer = new byte[maxBytes + ReadBytes];
    }

    /// <summary>Lines that were taken from the stream and not asked for yet.</summary>
    public int Buffered => Unread.Count((byte)'\n');

    private Span<byte> Unread => _buffer.AsSpan(_start, _end - _start);

    /// <summary>The next line, or null at the end of the input. A cancelled call loses nothing, but must be the last: the stream's own read may go on.</summary>
    public async Task<InputLine?> ReadAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var length = Unread.IndexOf((byte)'\n');
            if (length >= 0)
                return Take(length, withLineFeed: true);

            if (_end - _start > _maxBytes)
            {
                _overlong = true;
                _start = _end;
            }

            Unread.CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);

            // A read of a terminal or pipe cannot be cancelled, but it can be left behind.
            var read = await _input.ReadAsync(_buffer.AsMemory(_end), cancellationToken).AsTask().WaitAsync(cancellationToken).ConfigureAwait(false);
            if (read == 0)
                return _end > 0 || _overlong ? Take(_end, withLineFeed: false) : null;
            _end += read;
        }
    }

    private InputLine Take(int length, bool withLineFeed)
    {
        ReadOnlySpan<byte> line = Unread[..length];
        _start += withLineFeed ? length + 1 : length;
        if (++_number == 1 && line.StartsWith(Encoding.UTF8.Preamble))
            line = line[Encoding.UTF8.Preamble.Length..];

        var fault = Fault(line);
        _overlong = false;
        return new(_number, fault is null ? Encoding.UTF8.GetString(line) : "", fault);
    }

    private string? Fault(ReadOnlySpan<byte> line)
    {
        if (_overlong || line.Length > _maxBytes)
            return $"it is longer than {_maxBytes} bytes";
        if (line.IsEmpty)
            return "it is empty";
        return Utf8.IsValid(line) ? null : "it is not valid UTF-8";
    }
}
