using System.Globalization;
using System.Text.Json;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Rx.IotLink.Cli;

/// <summary>
/// <c>iotlink top</c>: the fleet as it is now. On a terminal a table that is drawn again and again; in a pipe a line
/// for each device, and again whenever its state changes.
/// </summary>
/// <param name="settings">Where the server is, and how it is printed.</param>
/// <param name="lines">Standard output.</param>
/// <param name="look">Whether that is a terminal.</param>
/// <param name="stop">Ends it.</param>
internal sealed class TopCommand(RemoteSettings settings, TextWriter lines, Look look, CancellationToken stop)
{
    /// <summary>By what the table is sorted; the greatest rate first.</summary>
    public static readonly string[] Sorts = ["state", "id", "since", "received", "sent", "outbox"];

    private const int LinesBesideRows = 6;
    private const int MostRows = 200;

    /// <summary>Until it is stopped, or the server ends it.</summary>
    public Task RunAsync(RemoteFleet fleet, string? state, string? search, string sort) => look.IsTerminal && !settings.Json
        ? ShowAsync(fleet, state, search, sort)
        : FollowAsync(fleet, state, search);

    private async Task FollowAsync(RemoteFleet fleet, string? state, string? search)
    {
        await foreach (var (name, data) in fleet.ListenAsync("api/events", stop).ConfigureAwait(false))
        {
            var told = name switch
            {
                "devices" => data.EnumerateArray().Where(IsWanted).Select(device => settings.Json ? device.GetRawText() : Line(device)),
                "forgotten" => data.EnumerateArray().Where(id => state is null && IsFound(id.GetString()!))
                    .Select(id => settings.Json ? $$"""{"id":{{id.GetRawText()}},"state":"forgotten"}""" : $"{Look.Escape(id.GetString()!)}  forgotten"),
                _ => [],
            };
            foreach (var line in told)
                await lines.WriteAsync(line + "\n").ConfigureAwait(false);
        }

        bool IsFound(string id) => search is null || id.Contains(search, StringComparison.OrdinalIgnoreCase);
        bool IsWanted(JsonElement device) => (state is null || RemoteCommand.Text(device, "state") == state) && IsFound(RemoteCommand.Text(device, "id"));
    }

    private static string Line(JsonElement device) =>
        string.Join("  ", ((string[])[RemoteCommand.Text(device, "since"), RemoteCommand.Text(device, "id"), RemoteCommand.Text(device, "state"), RemoteCommand.Why(device)]).Select(Look.Escape)).TrimEnd();

    private async Task ShowAsync(RemoteFleet fleet, string? state, string? search, string sort)
    {
        var limit = Math.Clamp(Size(() => Console.WindowHeight, 24) - LinesBesideRows, 1, MostRows);
        var order = sort is "received" or "sent" or "outbox" ? "desc" : "asc";
        var query = $"api/page?limit={limit}&sort={sort}&order={order}&state={state}&q={Uri.EscapeDataString(search ?? "")}";
        var picture = new Picture();
        var height = 0;
        await foreach (var (name, data) in fleet.ListenAsync(query, stop).ConfigureAwait(false))
        {
            if (!picture.Take(name, data))
                continue;
            // One write, so that nobody sees half of it: up to its first line, clear all from there, and again.
            var frame = Render(picture.Draw(limit));
            await lines.WriteAsync((height > 0 ? $"\r\u001b[{height}A\u001b[J" : "") + frame).ConfigureAwait(false);
            height = frame.Count(c => c == '\n');
        }
    }

    private string Render(IRenderable picture)
    {
        using var text = new StringWriter();
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.Yes,
            ColorSystem = look.HasColours ? ColorSystemSupport.Standard : ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new AnsiConsoleOutput(text),
        });
        console.Profile.Width = Size(() => Console.WindowWidth, 80);
        console.Write(picture);
        return text.ToString();
    }

    private static int Size(Func<int> of, int standard)
    {
        try
        {
            return of() is > 0 and var size ? size : standard;
        }
        catch (IOException)
        {
            // A terminal that does not say how large it is.
            return standard;
        }
    }

    /// <summary>What was sent, and how it looks.</summary>
    private sealed class Picture
    {
        private readonly Dictionary<string, JsonElement> devices = new(StringComparer.Ordinal);
        private List<string> ids = [];
        private int total;
        private JsonElement? summary;

        /// <summary>Whether there is something new to draw.</summary>
        public bool Take(string name, JsonElement data)
        {
            if (name == "summary")
                summary = data;
            if (name == "rows")
            {
                ids = [.. data.GetProperty("ids").EnumerateArray().Select(id => id.GetString()!)];
                total = data.GetProperty("total").GetInt32();
                foreach (var row in data.GetProperty("rows").EnumerateArray())
                    devices[row.GetProperty("id").GetString()!] = row;
                foreach (var gone in devices.Keys.Except(ids, StringComparer.Ordinal).ToList())
                    devices.Remove(gone);
            }

            return name is "summary" or "rows" && summary is not null;
        }

        public Rows Draw(int limit)
        {
            var fleet = summary!.Value.GetProperty("fleet");
            var table = new Table().Border(TableBorder.None).Expand();
            foreach (var head in (string[])["STATE", "ID", "SINCE", "IN/s", "OUT/s", "WAIT", "WHY"])
                table.AddColumn(new TableColumn(new Text(head, new Style(decoration: Decoration.Bold))) { NoWrap = true, Alignment = head is "IN/s" or "OUT/s" or "WAIT" ? Justify.Right : Justify.Left });
            foreach (var device in ids.Where(devices.ContainsKey).Select(id => devices[id]))
                table.AddRow(Cells(device, fleet.GetProperty("time").GetDateTimeOffset()));
            return new Rows(new Text(Headline(fleet)), table, new Text(total > limit ? $"{total - ids.Count} more: --state, --search and --sort choose" : ""));
        }

        private string Headline(JsonElement fleet)
        {
            var states = fleet.GetProperty("states").EnumerateObject().Where(s => s.Value.GetInt32() > 0).Select(s => $"{s.Value} {s.Name}");
            var refused = fleet.GetProperty("refused").EnumerateObject().Sum(r => r.Value.GetInt64());
            return string.Create(
                CultureInfo.InvariantCulture,
                $"{fleet.GetProperty("devices")} devices: {string.Join(", ", states)}. {refused} refused. {Look.Escape(summary!.Value.GetProperty("health").GetProperty("detail").GetString()!)}.");
        }

        private static IEnumerable<IRenderable> Cells(JsonElement device, DateTimeOffset now)
        {
            var state = device.GetProperty("state").GetString()!;
            yield return new Text(state, new Style(state switch { "up" => Color.Green, "down" => Color.Red, _ => Color.Yellow }));
            // Of others: text, never markup.
            yield return Cut(RemoteCommand.Text(device, "id"));
            yield return new Text(Span(now - device.GetProperty("since").GetDateTimeOffset()));
            yield return new Text(Number(device.GetProperty("received").GetDouble()));
            yield return new Text(Number(device.GetProperty("sent").GetDouble()));
            yield return new Text(device.GetProperty("outbox").GetInt32() is > 0 and var waiting ? waiting.ToString(CultureInfo.InvariantCulture) : "");
            yield return Cut(state == "up" ? "" : RemoteCommand.Why(device));
        }

        private static Text Cut(string text) => new(Look.Escape(text)) { Overflow = Overflow.Ellipsis };

        private static string Number(double rate) => rate.ToString(rate is 0 or >= 10 ? "F0" : "F1", CultureInfo.InvariantCulture);

        private static string Span(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time switch
        {
            { TotalDays: >= 1 } => $"{time.Days} d {time.Hours} h",
            { TotalHours: >= 1 } => $"{time.Hours} h {time.Minutes} min",
            { TotalMinutes: >= 1 } => $"{time.Minutes} min {time.Seconds} s",
            _ => $"{Math.Max(0, time.Seconds)} s",
        }}");
    }
}
