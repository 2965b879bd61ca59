namespace Examples.Common;

/// <summary>
/// Counts numbered lines in one direction as they are written and received, and judges them at once, so that a run may
/// last for ever. It uses nothing of the library it judges. Called from both ends' threads.
/// </summary>
public sealed class Tally
{
    /// <summary>Gaps that are remembered, in case their lines come late.</summary>
    private const int MostGaps = 100_000;

    private readonly Lock _gate = new();
    private readonly HashSet<long> _missing = [];
    private long _next;
    private long _written;
    private long _accepted;
    private long _repeated;
    private long _outOfOrder;
    private long _unknown;
    private long _forgotten;

    /// <summary>A number for the next line, from 0.</summary>
    public long Write()
    {
        lock (_gate)
            return _written++;
    }

    /// <summary>The link said that a line was accepted.</summary>
    public void Accept()
    {
        lock (_gate)
            _accepted++;
    }

    /// <summary>The other end received a line.</summary>
    public void Receive(long number)
    {
        lock (_gate)
        {
            if (number < 0 || number >= _written)
                _unknown++;
            else if (number >= _next)
                Skip(to: number);
            else if (_missing.Remove(number))
                _outOfOrder++;
            else
                _repeated++;
        }
    }

    /// <summary>What it comes to so far. What is still on its way counts as lost.</summary>
    public Sum Sum()
    {
        lock (_gate)
        {
            var lost = _written - _next + _missing.Count + _forgotten;
            return new Sum(_written, _accepted, _written - lost, lost, _repeated, _outOfOrder, _unknown);
        }
    }

    private void Skip(long to)
    {
        for (; _next < to; _next++)
        {
            if (_missing.Count < MostGaps)
                _missing.Add(_next);
            else
                _forgotten++;
        }

        _next++;
    }
}

/// <summary>What a <see cref="Tally"/> comes to.</summary>
/// <param name="Written">Lines that were written.</param>
/// <param name="Accepted">Lines of which the link said that they were accepted.</param>
/// <param name="Received">Lines that were received, each counted once.</param>
/// <param name="Lost">Lines that were written and not received.</param>
/// <param name="Repeated">Times a line was received again.</param>
/// <param name="OutOfOrder">Lines that came after one that was written later.</param>
/// <param name="Unknown">Lines that nobody wrote.</param>
public sealed record Sum(long Written, long Accepted, long Received, long Lost, long Repeated, long OutOfOrder, long Unknown)
{
    /// <summary>Whether each line was received once, in order, and its writer knows.</summary>
    public bool IsFlawless => Lost == 0 && Repeated == 0 && OutOfOrder == 0 && Unknown == 0 && Accepted == Written;

    /// <summary>The same while it still goes on: what is not there yet is on its way.</summary>
    public string SoFar => $"written {Written}, received {Received}, on their way {Lost}, repeated {Repeated}, out of order {OutOfOrder}";

    /// <inheritdoc/>
    public override string ToString() => $"written {Written}, accepted {Accepted}, received {Received}, lost {Lost}, repeated {Repeated}, out of order {OutOfOrder}";
}
