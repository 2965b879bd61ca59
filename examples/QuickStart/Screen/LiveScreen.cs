using System.Reactive;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Text;
using Rx.IotLink.Testing;
using Spectre.Console;

namespace QuickStart.Screen;

/// <summary>Shows a run as a table that lives.</summary>
internal static class LiveScreen
{
    private const int Sentences = 6;

    // What the table takes beside its sentences: a title, two lines for each device, three rules, the headings, the
    // caption, and a line to spare.
    private const int TableLines = 7;
    private const int WideColumns = 80;
    private static readonly TimeSpan Refresh = TimeSpan.FromMilliseconds(200);

    public static async Task ShowAsync(Fleet fleet, Books books, IReadOnlyList<Device> devices, IStopwatch stopwatch, IObservable<Unit> until, IScheduler scheduler)
    {
        Console.OutputEncoding = Encoding.UTF8;
        using var board = new Board(fleet, books);
        var room = Math.Clamp(AnsiConsole.Profile.Height - TableLines - (2 * devices.Count), 1, Sentences);
        var story = Story.Of(fleet, books, stopwatch).Scan(Array.Empty<string>(), (last, next) => [.. last.TakeLast(room - 1), next]).StartWith([[]]);
        var frames = Observable.Interval(Refresh, scheduler)
            .WithLatestFrom(story, (_, sentences) => new Rows(Table(board, books, devices), new Text(string.Join('\n', sentences.Select(Fit)))))
            .TakeUntil(until);
        await AnsiConsole.Live(new Text("")).StartAsync(async context => await frames.Do(context.UpdateTarget).LastOrDefaultAsync());
    }

    /// <summary>Whether the terminal has room for the table at all.</summary>
    public static bool Fits => AnsiConsole.Profile.Width >= 56;

    private static bool IsWide => AnsiConsole.Profile.Width >= WideColumns;

    /// <summary>Two lines for each device, so that it fits 80 columns; without the lines accepted it fits 56.</summary>
    private static Table Table(Board board, Books books, IReadOnlyList<Device> devices)
    {
        var table = new Table { Border = TableBorder.Horizontal }
            .Title($"lines take {board.Delay:F0} ms on average")
            .Caption(IsWide ? "value: last, average of a second; lines: ↑ to the server, ↓ to the device" : "lines: ↑ to the server, ↓ to the device");
        foreach (var heading in new[] { "device", IsWide ? "state, fault" : "state" })
            table.AddColumn(new TableColumn(heading).NoWrap().Padding(0, 0, 1, 0));
        foreach (var heading in IsWide ? new[] { "outages", "value", "", "written", "accepted", "received" } : ["outs", "value", "", "written", "got"])
            table.AddColumn(new TableColumn(heading).NoWrap().Padding(0, 0, 1, 0).RightAligned());
        foreach (var device in devices)
            AddRow(table, device, board[device.Sensor.Name], books.ToServer[device.Sensor.Name].Verdict, books.ToDevice[device.Sensor.Name].Verdict);
        return table;
    }

    private static void AddRow(Table table, Device device, Row row, DeliveryVerdict up, DeliveryVerdict down) => table.AddRow([
        $"{(device.Led ? "[yellow]●[/]" : "○")} {device.Sensor.Name}\n  {device.Sensor.Unit}",
        $"{State(row)}\n[grey]{row.Fault}[/]",
        $"{row.Outages}",
        $"{Number(row.Last)}\n{Number(row.Average)}",
        "↑\n↓",
        $"{up.Written}\n{down.Written}",
        .. IsWide ? new[] { $"{up.Accepted}\n{down.Accepted}" } : [],
        $"{up.Received}\n{down.Received}",
    ]);

    private static string State(Row row) => row switch
    {
        { IsUp: true } => "[green]up[/]",
        { IsGone: true } => "[red bold]gone[/]",
        _ => "[red]down[/]",
    };

    private static string Number(double value) => double.IsNaN(value) ? "-" : $"{value:F2}";

    private static string Fit(string sentence) => sentence.Length < AnsiConsole.Profile.Width ? sentence : sentence[..(AnsiConsole.Profile.Width - 1)];
}
