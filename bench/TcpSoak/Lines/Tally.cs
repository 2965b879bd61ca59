namespace TcpSoak.Lines;

/// <summary>
/// Judges the lines of one direction as they come, so that a run of days needs no more memory than one of seconds: it keeps the numbers that are missing, and nothing
/// of those that came. It knows nothing but numbers, and uses none of the library it judges.
/// </summary>
/// <param name="hasBothEnds">Whether the line's writer and its receiver both tell it here. If not, one half of it stays empty, and is added from the other process.</param>
internal sealed class Tally(bool hasBothEnds = true)
{
    private readonly Lock _gate = new();
    private readonly HashSet<long> _missing = [];
    private Sums _sums = Sums.Nothing;
    private long _next;

    public Sums Sums
    {
        get
        {
            lock (_gate)
                return _sums;
        }
    }

    /// <summary>Lines that were written and of which nothing has been told yet.</summary>
    public long Waiting
    {
        get
        {
            lock (_gate)
                return _sums.Written - _sums.Accepted;
        }
    }

    /// <summary>The next line, numbered from 0, as written.</summary>
    public long Write()
    {
        lock (_gate)
        {
            _sums = _sums with { Written = _sums.Written + 1 };
            return _sums.Written - 1;
        }
    }

    /// <summary>The writer was told that a line was accepted.</summary>
    public void Accepted(long number)
    {
        lock (_gate)
        {
            var isReceived = number < _next && !_missing.Contains(number);
            _sums = _sums with { Accepted = _sums.Accepted + 1, FalselyAccepted = _sums.FalselyAccepted + (hasBothEnds && !isReceived ? 1 : 0) };
        }
    }

    /// <summary>The other end's application was given a line.</summary>
    public void Received(long number)
    {
        lock (_gate)
        {
            if (number < 0 || (hasBothEnds && number >= _sums.Written))
                _sums = _sums with { Unknown = _sums.Unknown + 1 };
            else if (_missing.Remove(number))
                _sums = _sums with { Received = _sums.Received + 1, OutOfOrder = _sums.OutOfOrder + 1 };
            else if (number < _next)
                _sums = _sums with { Repeated = _sums.Repeated + 1 };
            else
                Advance(number);
        }
    }

    private void Advance(long number)
    {
        for (; _next < number; _next++)
            _missing.Add(_next);
        _next++;
        _sums = _sums with { Received = _sums.Received + 1 };
    }
}
