using System.Diagnostics.CodeAnalysis;
using System.Text;
using Rx.IotLink.Bridge;
using Rx.IotLink.Mqtt;
using Rx.IotLink.PostgreSql;

namespace Rx.IotLink.Cli;

/// <summary>
/// What the command says: received lines on standard output, everything else on standard error. Each is one write: a
/// line is flushed when the call returns; an event as soon as standard error takes it.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "Lives as long as the process; an observer may be held by it until then.")]
internal abstract class Output(TextWriter lines, EventQueue events)
{
    private readonly Lock linesLock = new();
    private readonly CancellationTokenSource closed = new();
    private readonly ManualResetEventSlim never = new();

    /// <summary>
    /// Cancelled when standard output cannot be written any more: nobody reads it, or the disk is full.
    /// </summary>
    public CancellationToken Closed => closed.Token;

    /// <summary>Whether standard output failed for another reason than that nobody reads it.</summary>
    public bool Failed { get; private set; }

    /// <summary>
    /// A received line. Does not return if it cannot be written: a return acknowledges the line, and it would be lost.
    /// The command ends meanwhile, and the peer still has the line.
    /// </summary>
    public void Line(ReceivedLine line)
    {
        try
        {
            lock (linesLock)
                lines.Write(LineText(line));
        }
        catch (Exception e) when (StandardStreams.IsFailedWrite(e))
        {
            Close(e);
            never.Wait();
        }
    }

    /// <summary>The same, for a line of the fleet: it counts as printed, for all servers, when this returns.</summary>
    public void Line(FleetLine line) => Line(new ReceivedLine(line.DeviceId, line.Line, Encoding.UTF8.GetBytes(line.Text)));

    public void Listening(string endPoint) => Event("listening", null, endPoint);

    /// <summary>Where the control endpoint of a server is.</summary>
    public void Page(string url) => Event("page", null, url);

    public void Joined(string id, string detail) => Event("joined", id, detail);

    public void Refused(string? id, string detail) => Event("refused", id, detail);

    /// <summary>Events that were not said, since there were many of the kind.</summary>
    public void More(string name, string? id, string detail) => Event(name, id, detail);

    public void Notice(string id, LinkNotice notice) => Event("notice", id, $"{notice.Kind}, {notice.Detail}");

    public void Mqtt(MqttNotice notice) => Event("mqtt", null, $"{notice.Kind}, {notice.Detail}");

    /// <summary>What a webhook says of a fleet.</summary>
    public void Webhook(LinkNotice notice) => Event("webhook", null, $"{notice.Kind}, {notice.Detail}");

    public void Skipped(long number, string fault) => Event("skipped", null, $"line {number} of standard input was skipped: {fault}");

    public void Waiting(string id, string detail) => Event("waiting", id, detail);

    public void Reloaded(string sentence) => Event("reloaded", null, sentence);

    public void Opening(string sentence) => Event("opening", null, sentence);

    public void Draining(string sentence) => Event("draining", null, sentence);

    public void Undelivered(string sentence) => Event("undelivered", null, sentence);

    public void Warning(string sentence) => Event("warning", null, sentence);

    public void Error(string sentence) => Event("error", null, sentence);

    /// <summary>How far the way over a serial line goes.</summary>
    public void Bridge(string serial, BridgeStatus status)
    {
        if (status.State != BridgeState.Starting)
            Event("bridge", null, $"{serial}: {WordsOf(status.State)}{(status.Detail.Length > 0 ? $", {status.Detail}" : "")}");
    }

    /// <summary>What is said where events are missing.</summary>
    public string Missing(long count) => EventText("warning", null, $"{count} events are missing here: standard error was not read fast enough");

    /// <summary>A change of a link's state. To begin and to end is not one.</summary>
    public void State(string id, LinkState state)
    {
        switch (state.Status)
        {
            case LinkStatus.Up:
                Event("up", id, $"connection {state.Connections}");
                break;
            case LinkStatus.Down:
                Event("down", id, state.Outage?.ToString() ?? "");
                break;
            case LinkStatus.Asleep:
                Event("asleep", id, state.AsleepUntil is { } until ? $"until {until:u}" : "");
                break;
        }
    }

    private static string WordsOf(BridgeState state) => state switch
    {
        BridgeState.NoPort => "no port",
        BridgeState.NoAnswer => "no answer",
        BridgeState.NoNetwork => "no network",
        BridgeState.Connecting => "connecting",
        BridgeState.Connected => "connected",
        _ => "idle",
    };

    protected abstract string LineText(ReceivedLine line);

    protected abstract string EventText(string name, string? id, string detail);

    private void Event(string name, string? id, string detail) => events.Write(EventText(name, id, detail));

    private void Close(Exception error)
    {
        // Several links may find it closed at a time; one says so.
        lock (linesLock)
        {
            if (closed.IsCancellationRequested)
                return;
            Failed = !StandardStreams.IsBrokenPipe(error);
            if (Failed)
                Error($"standard output cannot be written: {error.Message}");
            _ = closed.CancelAsync();
        }
    }
}
