using System.Reactive.Concurrency;
using System.Text;
using Rx.IotLink.Nano.Bridge;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Bridge;

/// <summary>How a host reaches a server through a bridge.</summary>
public sealed record BridgeTransportOptions
{
    /// <summary>The wire to the bridge: a <see cref="SerialTransport"/>.</summary>
    public required ITransport Wire { get; init; }

    /// <summary>
    /// The server's name or address, which the bridge looks up: at most 108 bytes of UTF-8. Empty: the server
    /// that the bridge's own options name. Default empty.
    /// </summary>
    public string Host { get; init; } = "";

    /// <summary>The server's port. Default 8123; 1 to 65,535.</summary>
    public int Port { get; init; } = 8123;

    /// <summary>
    /// The Wi-Fi that the bridge joins: at most 32 bytes of UTF-8. Default empty: the one that is stored on the bridge.
    /// </summary>
    public string Ssid { get; init; } = "";

    /// <summary>
    /// The Wi-Fi's password: at most 64 bytes of UTF-8. It goes over the wire as it is. Never logged.
    /// </summary>
    public string Password { get; init; } = "";

    /// <summary>How often the bridge reports. Default zero: never. In whole seconds, to 65,535 s.</summary>
    public TimeSpan ReportInterval { get; init; }

    /// <summary>
    /// The wire to the bridge's reset pin. Default null: there is none; the bridge is only asked to restart.
    /// </summary>
    public IResetLine? ResetLine { get; init; }

    /// <summary>
    /// How long the bridge may be silent before it counts as dead and is reset; the pause before the next reset
    /// doubles, to a minute. Default 4 s; 3 s to 60 s.
    /// </summary>
    public TimeSpan SilenceTimeout { get; init; } = TimeSpan.FromSeconds(4);

    /// <summary>
    /// How long the bridge's program may stand still, while its frames still come, before it is reset. Default 10 s; 5
    /// s
    /// to 10 min.
    /// </summary>
    public TimeSpan ProgramTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Bits a second on the wire; says how long an acknowledgement may take. Default: that of a
    /// <see cref="SerialTransport"/>, otherwise 115,200.
    /// </summary>
    public int? BaudRate { get; init; }

    /// <summary>The clock of everything. Default: the real one.</summary>
    public IScheduler Scheduler { get; init; } = DefaultScheduler.Instance;

    internal FrameSettings Frames => new()
    {
        SilenceMs = (int)SilenceTimeout.TotalMilliseconds,
        BeatMs = (int)ProgramTimeout.TotalMilliseconds,
        RepeatMs = FrameSettings.RepeatMsAt(BaudRateOf(BaudRate, Wire), new FrameSettings().Window),
    };

    internal WireConfiguration Configuration => new() { Ssid = Ssid, Password = Password, ReportS = (int)ReportInterval.TotalSeconds };

    internal static int BaudRateOf(int? given, ITransport wire) => given ?? (wire as SerialTransport)?.BaudRate ?? 115_200;

    internal void Validate()
    {
        Require.NotNull(Wire, nameof(Wire));
        AtMost(Host, HostMachine.MaxHostBytes, nameof(Host));
        Require.InRange(Port, 1, 65_535, nameof(Port));
        AtMost(Ssid, WireConfiguration.MaxSsidBytes, nameof(Ssid));
        // Its message must not name what was given.
        Require.NotNull(Password, nameof(Password));
        Require.InRange(Encoding.UTF8.GetByteCount(Password), 0, WireConfiguration.MaxPasswordBytes, $"{nameof(Password)}.Length");
        Require.InRange(ReportInterval, TimeSpan.Zero, TimeSpan.FromSeconds(65_535), nameof(ReportInterval));
        Require.InRange(SilenceTimeout, TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(60), nameof(SilenceTimeout));
        Require.InRange(ProgramTimeout, TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(10), nameof(ProgramTimeout));
        if (BaudRate is { } rate)
            Require.InRange(rate, 300, 10_000_000, nameof(BaudRate));
        Require.NotNull(Scheduler, nameof(Scheduler));
    }

    private static void AtMost(string text, int bytes, string option)
    {
        Require.NotNull(text, option);
        Require.NotFaulty(Encoding.UTF8.GetByteCount(text) > bytes ? $"has more than {bytes} bytes of UTF-8" : null, text, option);
        Require.NotFaulty(text.Any(char.IsControl) ? "has a control character" : null, PrintableText.Escape(text), option);
    }
}
