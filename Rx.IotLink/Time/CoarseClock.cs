namespace Rx.IotLink.Time;

/// <summary>
/// Whether it is worth to read the clock again. The system has a second clock that moves only every few milliseconds
/// (1 to 16, by system) and costs a quarter to read. Where lines are handed out one after the other, the clock itself
/// was the largest single cost.
/// </summary>
/// <param name="isReal">Whether time is the system's. On any other clock each look counts.</param>
internal struct CoarseClock(bool isReal)
{
    private long last = isReal ? Environment.TickCount64 : 0;

    /// <summary>Whether it has moved since the last look.</summary>
    public bool HasMoved()
    {
        if (!isReal)
            return true;
        var before = last;
        last = Environment.TickCount64;
        return last != before;
    }
}
