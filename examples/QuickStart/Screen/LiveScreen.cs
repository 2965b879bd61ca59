using System.Reactive;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using QuickStart.Checking;
using Spectre.Console;

namespace QuickStart.Screen;

/// <summary>Shows a run as a table that lives.</summary>
internal static class LiveScreen
{
    private const int Sentences = 6;
    private static readonly TimeSpan Refresh = TimeSpan.FromMilliseconds(200);

    public static async Task ShowAsync(Fleet fleet, Books books, IReadOnlyList<Device> devices, IStopwatch stopwatch, IObservable<Unit> until, IScheduler scheduler)
    {
        using var board = new Board(fleet, books);
        var story = Story.Of(fleet, books, stopwatch).Scan(Array.Empty<string>(), (last, next) => [.. last.TakeLast(Sentences - 1), next]).StartWith([[]]);
        var frames = Observable.Interval(Refresh, scheduler)
            .WithLatestFrom(story, (_, sentences) => new Rows(Table(board, books, devices), new Text(string.Join('\n', sentences))))
            .TakeUntil(until);
        await AnsiConsole.Live(new Text("")).StartAsync(async context => await frames.Do(context.UpdateTarget).LastOrDefaultAsync());
    }

    private static Table Table(Board board, Books books, IReadOnlyList<Device> devices)
    {
        var table = new Table().Title($"lines take {board.Delay:F0} ms on average").Caption("lines: written / accepted / received");
        table.AddColumns("device", "state", "last fault", "outages", "lines to server", "lines to device", "lamp");
        table.AddColumn(new TableColumn("last value").RightAligned());
        table.AddColumn(new TableColumn("average").RightAligned());
        foreach (var device in devices)
        {
            var (name, row) = (device.Sensor.Name, board[device.Sensor.Name]);
            table.AddRow(
                new Text(name),
                State(row),
                new Text(row.Fault),
                new Text($"{row.Outages}"),
                Counts(books.ToServer[name]),
                Counts(books.ToDevice[name]),
                new Markup(device.Led ? "[yellow]on[/]" : "off"),
                new Text($"{row.Last:F2}"),
                new Text($"{row.Average:F2} {device.Sensor.Unit}"));
        }

        return table;
    }

    private static Markup State(Row row) => new Markup(row switch
    {
        { IsUp: true } => "[green]up[/]",
        { IsGone: true } => "[red bold]gone[/]",
        _ => "[red]down[/]",
    });

    private static Text Counts(History history) =>
        new Text($"{history.Count(Step.Written)} / {history.Count(Step.Accepted)} / {history.Count(Step.Received)}");
}
