using System.Reactive.Linq;
using Examples.Common;
using Rx.IotLink.Server;
using Spectre.Console;

namespace Examples.Fleet;

/// <summary>Shows the fleet: a table that follows it, or a line for each change.</summary>
internal static class Board
{
    private static readonly TimeSpan DrawEvery = TimeSpan.FromMilliseconds(250);

    public static Task ShowAsync(Stage stage, Voice voice, IotLinkServer server, IReadOnlyDictionary<string, DeviceProgram> devices) =>
        stage.Plain ? TellAsync(stage, voice, server) : DrawAsync(stage, voice, server, devices);

    private static async Task TellAsync(Stage stage, Voice voice, IotLinkServer server)
    {
        using var telling = server.ObserveConnections().Subscribe(device => voice.Say($"link {device.Id}", device.State.ToString(), device.IsUp ? Mood.Good : Mood.Bad));
        await stage.WaitAsync();
    }

    private static async Task DrawAsync(Stage stage, Voice voice, IotLinkServer server, IReadOnlyDictionary<string, DeviceProgram> devices)
    {
        await Observable.Interval(DrawEvery, stage.Scheduler)
            .TakeUntil(stage.Over)
            .Do(_ => voice.Picture.Show(Table(server.GetConnections(), devices)))
            .LastOrDefaultAsync();
    }

    private static Table Table(IReadOnlyList<DeviceConnection> fleet, IReadOnlyDictionary<string, DeviceProgram> devices)
    {
        var table = new Table { Border = TableBorder.Horizontal };
        table.AddColumns("device", "state", "since", "outages", "reports", "orders", "last line");
        foreach (var device in fleet.OrderBy(device => device.Id, StringComparer.Ordinal))
        {
            table.AddRow(
                $"{(devices.GetValueOrDefault(device.Id) is { Led: true } ? "[yellow]●[/]" : "○")} {Markup.Escape(device.Id)}",
                device.IsUp ? "[green]up[/]" : $"[red]{device.State.Outage?.Reason.ToString() ?? "connecting"}[/]",
                $"{device.Since.ToLocalTime():T}",
                $"{device.Counters.Outages}",
                $"{device.Counters.LinesReceived}",
                $"{device.Counters.LinesAcknowledged} of {device.Counters.LinesWritten}",
                $"{device.LastLineAt?.ToLocalTime():T}");
        }

        return table;
    }
}
