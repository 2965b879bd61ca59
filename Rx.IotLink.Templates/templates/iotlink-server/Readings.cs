using System.Reactive.Linq;
using System.Text.Json;
using Rx.IotLink;
using Rx.IotLink.Server;

namespace IotLinkServer1;

/// <summary>What a device sends, as JSON in one line.</summary>
internal sealed record Reading(double Celsius);

/// <summary>What this application does with its devices.</summary>
internal sealed partial class Readings(IotLinkServer server, ILogger<Readings> log) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // A line is accepted when this has returned. If it throws, it runs again for the same line.
        using var processing = server.Process((line, _) =>
        {
            Handle(line.DeviceId, line.Text);
            return Task.CompletedTask;
        });

        // Each device has a subscription of its own, so that one which ends harms no other.
        using var watching = server.Links.Subscribe(link =>
            link.GoneFor(TimeSpan.FromMinutes(1)).Subscribe(state => LogAway(link.Id, state.Outage?.ToString())));

        await Task.Delay(Timeout.Infinite, stoppingToken);
    }

    private void Handle(string device, string text)
    {
        try
        {
            if (JsonSerializer.Deserialize<Reading>(text, JsonSerializerOptions.Web) is { } reading)
                LogReading(device, reading.Celsius);
        }
        catch (JsonException)
        {
            // A device may send anything. A line that is thrown away here is accepted, so it does not come again.
            LogBadLine(device, text.Length);
        }
    }

    [LoggerMessage(LogLevel.Information, "{Device}: {Celsius} °C")]
    private partial void LogReading(string device, double celsius);

    [LoggerMessage(LogLevel.Warning, "{Device} is away: {Outage}")]
    private partial void LogAway(string device, string? outage);

    [LoggerMessage(LogLevel.Warning, "{Device} sent a line of {Length} characters that is no reading")]
    private partial void LogBadLine(string device, int length);
}
