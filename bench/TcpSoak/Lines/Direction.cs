using Rx.IotLink.Testing;

namespace TcpSoak.Lines;

/// <summary>Which end of a direction reports its lines here.</summary>
internal enum Teller
{
    /// <summary>The writer and the receiver: both are in this process.</summary>
    Both,

    /// <summary>The writer alone.</summary>
    Writer,

    /// <summary>The receiver alone.</summary>
    Receiver,
}

/// <summary>
/// The lines of one direction of a link, before the checker. Where the ends are in two processes, each has a half of
/// it, and <see cref="Join"/> makes the whole.
/// </summary>
internal sealed class Direction(Teller teller)
{
    private const int WidestGap = 1_000_000;

    // Two acceptances may complete in either order: they show nothing about the order of lines.
    private readonly DeliveryChecker _checker = new(ordered: teller != Teller.Writer);
    private long _next;

    public DeliveryVerdict Verdict => _checker.Verdict;

    /// <summary>Lines in flight: their writes have not completed.</summary>
    public int Open => _checker.Open;

    /// <summary>A number for the next line, from 0.</summary>
    public long Write() => _checker.Write();

    /// <summary>The write of a line completed.</summary>
    public void Accepted(long number)
    {
        if (teller == Teller.Writer)
            _checker.Received(number);
        _checker.Accepted(number);
    }

    /// <summary>The receiver's application was given a line. Calls are serial.</summary>
    public void Received(long number)
    {
        if (teller == Teller.Both)
        {
            _checker.Received(number);
            return;
        }

        // Numbers have no gaps, so one number shows that all before it were written.
        for (; _next <= number && number < _next + WidestGap; _next++)
            _checker.Write();
        _checker.Received(number);
        _checker.Accepted(number);
    }

    /// <summary>What two halves come to.</summary>
    public static DeliveryVerdict Join(DeliveryVerdict writer, DeliveryVerdict receiver) => new()
    {
        Written = writer.Written,
        Accepted = writer.Accepted,
        Received = receiver.Received,
        Lost = Math.Max(0, writer.Written - receiver.Received),
        Repeated = receiver.Repeated,
        OutOfOrder = receiver.OutOfOrder,
        Unknown = receiver.Unknown + Math.Max(0, receiver.Written - writer.Written),
        FalselyAccepted = writer.FalselyAccepted + writer.Repeated + writer.Unknown,
        Unanswered = writer.Lost,
    };
}
