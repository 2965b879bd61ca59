using System.Net;
using System.Reactive.Linq;
using Rx.IotLink.Server;

// A server whose application reads the lines of the devices that are named on the command line, and of no other. It
// prints the port, then each line that it reads; it ends with standard input. Run it with a limit of memory, and see
// whether devices that talk without end can end it: DOTNET_GCHeapHardLimit=0x4000000 dotnet flood.dll good
var options = new IotLinkServerOptions { Port = 0, Bind = IPAddress.Loopback, Timeout = TimeSpan.FromMinutes(10), MaxUnknownIds = 10_000, MaxOpenings = 10_000, DrainTimeout = TimeSpan.Zero };
await using var server = await IotLinkServer.StartAsync(options);
Console.WriteLine($"listening on {server.EndPoint}");
using var reading = server.Links.Where(link => args.Contains(link.Id, StringComparer.Ordinal)).Subscribe(link => link.Lines.Subscribe(line => Console.WriteLine($"{link.Id}\t{line}")));
while (await Console.In.ReadLineAsync() is { } asked)
{
    var counters = server.Counters;
    Console.WriteLine($"{asked}: {counters.Connections} connections hold {counters.BufferedBytes} bytes");
}
