using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Rx.IotLink.Cli;

/// <summary>The three streams of the process: UTF-8 without a byte order mark, LF line ends, flushed at each write.</summary>
internal static class StandardStreams
{
    // Longer than nearly every line, so that a line is one write and lines of several processes on one pipe stay whole.
    private const int BufferChars = 16_384;

    public static Stream OpenInput() => Console.OpenStandardInput();

    public static TextWriter OpenOutput() => Writer(OpenOutputStream());

    public static TextWriter OpenError() => Writer(Console.OpenStandardError());

    /// <summary>Whether an error of a write means that nobody reads any more (EPIPE; ERROR_BROKEN_PIPE and ERROR_NO_DATA on Windows).</summary>
    public static bool IsBrokenPipe(IOException error) => (error.HResult & 0xffff) is 32 or 109 or 232;

    private static Stream OpenOutputStream()
    {
        if (OperatingSystem.IsWindows())
            return Console.OpenStandardOutput();

        // The console's stream swallows EPIPE, and lines would be acknowledged that nobody ever reads. A file of one's own tells,
        // but would not share its position with standard error in `>log 2>&1`; so it is taken only where there is no position.
        var direct = new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        return direct.CanSeek ? Console.OpenStandardOutput() : direct;
    }

    private static StreamWriter Writer(Stream stream) =>
        new(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), BufferChars) { AutoFlush = true, NewLine = "\n" };
}
