using Peers;
using Throughput;
using Throughput.Report;

// What others need for the same: lines from a client to an application on a server, each acknowledged to its writer.
// All are measured in turn, with the client and the server of each in one process, or (scale --apart) in two.
if (args is ["rest", var connections])
    return await Rest.RunAsync(connections);
if (args is ["scale", "--apart", .. var more])
    return await Scale.RunAsync(more, apart: true);
if (args is ["scale", .. var counts])
    return await Scale.RunAsync(counts, apart: false);
if (args is ["server", var kind, var links, var timeout])
    return await ServerEnd.RunAsync(kind, links, timeout);
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
