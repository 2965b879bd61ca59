using System.Text;
using Rx.IotLink.Protocol;

namespace Rx.IotLink.Server;

/// <summary>
/// An exception in place of another that quotes what is not fit for a log, as a line of a stranger: its type, its
/// messages and its traces are told, but no message forges an entry or moves a cursor.
/// </summary>
internal sealed class PrintableException : Exception
{
    private readonly string told;

    private PrintableException(Exception original)
        : base(Printable.Message(original.Message), original.InnerException is { } inner ? Of(inner) : null) => told = Tell(original);

    /// <summary>The exception itself, if it is fit as it is.</summary>
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
