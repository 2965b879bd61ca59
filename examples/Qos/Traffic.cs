using System.Globalization;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Examples.Common;
using Rx.IotLink;

namespace Examples.Qos;

/// <summary>Numbered lines from one end of a link to the other, and their count.</summary>
internal sealed class Traffic
{
    public Traffic(ILink from, ILink to, TimeSpan interval, Stage stage)
    {
        to.Lines.Subscribe(line => Tally.Receive(long.TryParse(line, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : -1));
        // An outage holds lines up. So many that the outbox has no room wait in turn: nothing is dropped.
        Written = Observable.Interval(interval, stage.Scheduler)
            .TakeUntil(stage.Over)
            .Select(_ => from.Write(Tally.Write().ToString(CultureInfo.InvariantCulture)).Do(_ => Tally.Accept()))
            .Merge()
            .LastOrDefaultAsync()
            .ToTask();
    }

    public Tally Tally { get; } = new();

    /// <summary>Completes when the time is up and the other end has accepted every line.</summary>
    public Task Written { get; }
}
