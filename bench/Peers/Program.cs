using Peers;
using Throughput;
using Throughput.Report;

// What others need for the same: lines from a client to an application on a server, each acknowledged to its writer.
// All are measured in turn, in one process, with the client and the server of each on this machine.
if (args is ["rest", var connections])
    return await Rest.RunAsync(connections);
if (args is ["scale", .. var counts])
    return await Scale.RunAsync(counts);
return await Settings.RunAsync(args, async (settings, cancellation) =>
{
    var machine = Machine.Describe();
    TableReport.Begin(machine, settings);
    var results = await new Rounds(settings).RunAsync(TableReport.Progress, cancellation);
    TableReport.Print(results);
    if (settings.Json is { } file)
        await JsonReport.WriteAsync(file, machine, settings, results);
    return 0;
});
