namespace Rx.IotLink.Tests.Simulation;

/// <summary>
/// Judges one direction of a link by three histories of numbers: written, accepted (the writer was told), received. It uses nothing
/// of the library, so that it cannot share its mistakes.
/// </summary>
internal sealed record DeliveryVerdict(int Lost, int Repeated, int OutOfOrder, int AcceptedNotReceived)
{
    public static DeliveryVerdict Good { get; } = new(0, 0, 0, 0);

    public static DeliveryVerdict Of(IReadOnlyList<int> written, IReadOnlyList<int> accepted, IReadOnlyList<int> received)
    {
        var seen = new HashSet<int>();
        var repeated = 0;
        var outOfOrder = 0;
        var place = written.Select((number, at) => (number, at)).ToDictionary(w => w.number, w => w.at);
        var last = -1;
        foreach (var number in received)
        {
            if (!seen.Add(number))
            {
                repeated++;
                continue;
            }

            if (place[number] < last)
                outOfOrder++;
            last = Math.Max(last, place[number]);
        }

        return new DeliveryVerdict(written.Count(w => !seen.Contains(w)), repeated, outOfOrder, accepted.Count(a => !seen.Contains(a)));
    }
}
