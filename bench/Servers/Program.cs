using System.Globalization;
using System.Net;
using Bench.Servers;
using Examples.Cluster;

// What several servers on one PostgreSQL do: growth, a rolling restart, a storm of devices. Servers and the database
// are processes of their own; the devices are in this one. All share this machine, so the ratios count.
if (args is ["server", var node, var address])
    return await Fleet.ServeAsync(node, IPEndPoint.Parse(address));
if (args is not [var what, ..] || (args.Length > 1 && !int.TryParse(args[1], CultureInfo.InvariantCulture, out _)))
{
    await Console.Error.WriteLineAsync("usage: growth [SECONDS] | rolling [SECONDS] | storm [DEVICES]");
    return 2;
}

var given = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 0;
await using var postgres = await Postgres.TryStartAsync(CancellationToken.None) ?? throw new InvalidOperationException("PostgreSQL is not on this machine.");
switch (what)
{
    case "growth":
        await Growth.RunAsync(postgres, TimeSpan.FromSeconds(given == 0 ? 10 : given));
        return 0;
    case "rolling":
        return await Rolling.RunAsync(postgres, TimeSpan.FromSeconds(given == 0 ? 40 : given)) ? 0 : 1;
    case "storm":
        await Storm.RunAsync(postgres, given == 0 ? 10_000 : given);
        return 0;
    default:
        await Console.Error.WriteLineAsync($"'{what}' is neither growth, rolling nor storm.");
        return 2;
}
