using Throughput;
using Throughput.Report;

// What a link costs beside the socket under it: both are measured in turn, in one process, with the client and the
// server of each on this machine.
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
