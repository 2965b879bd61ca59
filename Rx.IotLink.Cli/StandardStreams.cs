using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Rx.IotLink.Cli;

/// <summary>
/// The three streams of the process: UTF-8 without a byte order mark, LF line ends, flushed at each write.
/// </summary>
/// <param name="Input">Empty if there is no standard input.</param>
/// <param name="Output">Null if there is no standard output.</param>
/// <param name="Error">Takes everything and says nothing if there is no standard error.</param>
internal sealed record StandardStreams(Stream Input, TextWriter? Output, TextWriter Error)
{
    // Longer than nearly every line, so that a line is one write and lines of several processes on one pipe stay whole.
    private const int BufferChars = 16_384;

    // What was closed stays taken: a socket under the number of a standard stream would be sent what the runtime says
    // there.
    private static readonly List<SafeFileHandle> Taken = [];

    /// <summary>Whether standard output is a terminal.</summary>
    public bool OutputIsTerminal { get; private init; }

    /// <summary>Whether standard error is a terminal.</summary>
    public bool ErrorIsTerminal { get; private init; }

    /// <summary>
    /// Opens those that the process was started with. To be called before anything else opens a file or a socket.
    /// </summary>
    public static StandardStreams Open()
    {
        var (input, output, error) = (IsThere(0), IsThere(1), IsThere(2));
        while (!OperatingSystem.IsWindows() && Enumerable.Range(0, 3).Any(Posix.IsFree))
            Taken.Add(File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite));
        return new(input ? Console.OpenStandardInput() : Stream.Null, output ? Writer(OpenOutput()) : null, error ? Writer(Console.OpenStandardError()) : TextWriter.Null)
        {
            OutputIsTerminal = output && !Console.IsOutputRedirected,
            ErrorIsTerminal = error && !Console.IsErrorRedirected,
        };
    }

    /// <summary>Whether a write failed because of the stream, not because of the program.</summary>
    public static bool IsFailedWrite(Exception error) => error is IOException or UnauthorizedAccessException;

    /// <summary>
    /// Whether an error of a write means that nobody reads any more (EPIPE; ERROR_BROKEN_PIPE and ERROR_NO_DATA on
    /// Windows).
    /// </summary>
    public static bool IsBrokenPipe(Exception error) => error is IOException && (error.HResult & 0xffff) is 32 or 109 or 232;

    private static bool IsThere(int descriptor) => OperatingSystem.IsWindows()
        ? descriptor switch { 0 => Console.OpenStandardInput(), 1 => Console.OpenStandardOutput(), _ => Console.OpenStandardError() } != Stream.Null
        : Posix.IsInherited(descriptor, forWriting: descriptor > 0);

    private static Stream OpenOutput()
    {
        if (OperatingSystem.IsWindows())
            return Console.OpenStandardOutput();

        // The console's stream swallows EPIPE, and lines would be acknowledged that nobody ever reads. A file of one's
        // own throws, but would not share its position with standard error in `>log 2>&1`; so it is taken only where
        // there is no position.
        var direct = new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        return direct.CanSeek ? Console.OpenStandardOutput() : direct;
    }

    private static StreamWriter Writer(Stream stream) =>
        new(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), BufferChars) { AutoFlush = true, NewLine = "\n" };
}
