using System.Globalization;
using System.Text.Json;

namespace Rx.IotLink.Cli;

/// <summary>
/// <c>iotlink ls</c>, <c>top</c>, <c>show</c>, <c>send</c>, <c>ping</c>, <c>kick</c>, <c>revoke</c> and
/// <c>forget</c>: what an operator does, over the control endpoint of a running server.
/// </summary>
internal sealed class RemoteCommand(RemoteSettings settings, TextWriter lines, Look look, Output output, CancellationToken stop)
{
    public Task<int> ListAsync(string? state, string? search) => RunAsync(async fleet =>
    {
        var rows = new List<string[]> { (string[])["ID", "STATE", "SINCE", "ADDRESS", "WHY"] };
        await foreach (var device in fleet.ListAsync(state, search, stop).ConfigureAwait(false))
        {
            if (settings.Json)
                await PrintAsync(device).ConfigureAwait(false);
            else
                rows.Add([Text(device, "id"), Text(device, "state"), Text(device, "since"), Text(device, "address"), Why(device)]);
        }

        if (!settings.Json)
            await PrintAsync(rows).ConfigureAwait(false);
    });

    public Task<int> ShowAsync(string id) => RunAsync(async fleet =>
    {
        var device = await fleet.ShowAsync(id, stop).ConfigureAwait(false);
        if (settings.Json)
        {
            await PrintAsync(device).ConfigureAwait(false);
            return;
        }

        await PrintAsync(device.EnumerateObject().SelectMany(Flat).Select(f => (string[])[f.Name, f.Value])).ConfigureAwait(false);
    });

    public Task<int> SendAsync(string id, string line) =>
        TellAsync(fleet => fleet.SendAsync(id, line, stop), answer => Text(answer, "state"));

    public Task<int> PingAsync(string id) =>
        TellAsync(fleet => fleet.PingAsync(id, stop), answer => $"{answer.GetProperty("milliseconds").GetRawText()} ms");

    public Task<int> KickAsync(string id) =>
        TellAsync(fleet => fleet.DisconnectAsync(id, stop), answer => answer.GetProperty("wasConnected").GetBoolean() ? "disconnected" : "it was not connected");

    public Task<int> TopAsync(string? state, string? search, string sort) =>
        RunAsync(fleet => new TopCommand(settings, lines, look, stop).RunAsync(fleet, state, search, sort), isEndless: true);

    public Task<int> ForgetAsync(string id) => TellAsync(fleet => fleet.ForgetAsync(id, stop), static _ => "forgotten");

    public Task<int> RevokeAsync(string id) =>
        TellAsync(fleet => fleet.RevokeAsync(id, stop), answer => answer.GetProperty("hadKey").GetBoolean() ? "revoked" : "it had no key");

    private Task<int> TellAsync(Func<RemoteFleet, Task<JsonElement>> ask, Func<JsonElement, string> sentence) => RunAsync(async fleet =>
    {
        var answer = await ask(fleet).ConfigureAwait(false);
        if (settings.Json)
            await PrintAsync(answer).ConfigureAwait(false);
        else
            await lines.WriteAsync(Look.Escape(sentence(answer)) + "\n").ConfigureAwait(false);
    });

    private async Task<int> RunAsync(Func<RemoteFleet, Task> run, bool isEndless = false)
    {
        try
        {
            using var fleet = new RemoteFleet(settings);
            await run(fleet).ConfigureAwait(false);
            return ExitCode.Delivered;
        }
        catch (UsageException exception)
        {
            output.Error(exception.Message);
            return ExitCode.Usage;
        }
        catch (RemoteException exception)
        {
            output.Error(exception.Message);
            return ExitCode.NotDelivered;
        }
        catch (OperationCanceledException)
        {
            return isEndless ? ExitCode.Delivered : ExitCode.NotDelivered;
        }
    }

    private Task PrintAsync(JsonElement answer) => lines.WriteAsync(answer.GetRawText() + "\n");

    private async Task PrintAsync(IEnumerable<string[]> rows)
    {
        // Of others: the ids, and what went wrong.
        var all = rows.Select(row => row.Select(Look.Escape).ToArray()).ToList();
        var widths = Enumerable.Range(0, all.Max(row => row.Length)).Select(at => all.Max(row => at < row.Length ? row[at].Length : 0)).ToArray();
        foreach (var row in all)
            await lines.WriteAsync(string.Join("  ", row.Select((cell, at) => cell.PadRight(widths[at]))).TrimEnd() + "\n").ConfigureAwait(false);
    }

    private static IEnumerable<(string Name, string Value)> Flat(JsonProperty property) => property.Value.ValueKind switch
    {
        JsonValueKind.Object => property.Value.EnumerateObject().Select(inner => ($"{property.Name}.{inner.Name}", inner.Value.ToString())),
        JsonValueKind.Null => [],
        _ => [(property.Name, property.Value.ToString())],
    };

    public static string Why(JsonElement device) =>
        device.TryGetProperty("outage", out var outage) && outage.ValueKind == JsonValueKind.Object ? $"{Text(outage, "reason")}: {Text(outage, "detail")}" : "";

    public static string Text(JsonElement of, string name)
    {
        if (!of.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
            return "";
        return name == "since" && value.TryGetDateTimeOffset(out var time) ? time.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture) : value.ToString();
    }
}
