using Rx.IotLink.Bridge;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Cli;

/// <summary>The options of <c>iotlink bridge</c>.</summary>
internal sealed record BridgeSettings(string Serial, int BaudRate, HostAndPort? Server);

/// <summary><c>iotlink bridge</c>: carries the bytes of a host on a serial line to its server.</summary>
internal sealed class BridgeCommand(BridgeSettings settings, CommandContext context)
{
    public async Task<int> RunAsync()
    {
        var wire = await SerialPorts.CheckAsync(settings.Serial, settings.BaudRate).ConfigureAwait(false);
        var bridge = IotLinkBridge.Start(new()
        {
            Wire = wire,
            Server = settings.Server is { } server ? (_, _) => new TcpTransport(server.Host, server.Port) : null,
            Scheduler = context.Scheduler,
        });
        using (bridge.Status.Subscribe(status => context.Output.Bridge(settings.Serial, status)))
            await context.Stop.WhenCancelledAsync().ConfigureAwait(false);
        await bridge.DisposeAsync().ConfigureAwait(false);
        return ExitCode.Delivered;
    }
}
