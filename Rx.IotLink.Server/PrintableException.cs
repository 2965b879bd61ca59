using System.Text;
using Rx.IotLink.Protocol;

namespace Rx.IotLink.Server;

/// <summary>
/// Replaces an exception that quotes unsafe text, such as a line of a stranger. It shows the type, the messages and the
/// traces, but no message can forge a log entry or move a cursor.
/// </summary>
internal sealed class PrintableException : Exception
{
    private readonly string told;

    private PrintableException(Exception original)
        : base(Printable.Message(original.Message), original.InnerException is { } inner ? Of(inner) : null) => told = Tell(original);

    /// <summary>The exception itself, if its text is safe.</summary>
    public static Exception Of(Exception exception) => exception is not PrintableException && !IsFit(exception) ? new PrintableException(exception) : exception;

    /// <inheritdoc/>
    public override string ToString() => told;

    private static bool IsFit(Exception exception) => Printable.IsFit(exception.Message) && InnerOf(exception).All(IsFit);

    private static Exception[] InnerOf(Exception exception) => exception is AggregateException several ? [.. several.InnerExceptions]
        : exception.InnerException is { } inner ? [inner] : [];

    private static string Tell(Exception exception)
    {
        var text = new StringBuilder($"{exception.GetType()}: {Printable.Message(exception.Message)}");
        foreach (var inner in InnerOf(exception))
            text.Append($"\n ---> {Tell(inner)}\n   --- End of inner exception stack trace ---");
        return exception.StackTrace is { } trace ? text.Append('\n').Append(trace).ToString() : text.ToString();
    }
}
