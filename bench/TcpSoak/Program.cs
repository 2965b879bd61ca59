using System.CommandLine;
using TcpSoak;
using TcpSoak.Ends;
using TcpSoak.Namespaces;

// Outages by the thousand over real sockets, and every line counted.
var settings = new Settings();
var command = new RootCommand("Breaks the connections of real clients and a real server again and again, and counts what is lost, repeated or out of order.");
foreach (var option in settings.All)
    command.Add(option);
var namespaces = new Option<bool>("--namespaces") { Description = "Two network namespaces instead, with packets dropped and the cable pulled for --minutes; needs root, ip and nft." };
var drop = Settings.Whole("--drop", "Packets of a hundred that are dropped each way (--namespaces)", 0, 90, 20);
command.Add(namespaces);
command.Add(drop);
foreach (var end in EndCommands.All(settings))
    command.Add(end);
command.SetAction(async (result, cancellation) =>
{
    var plan = settings.Plan(result);
    if (plan is { Keys: true, Protocol: 1 })
        return await SayAsync("--keys needs --protocol 2: protocol 1 has no keys.", 2);
    if (!result.GetValue(namespaces))
    {
        Console.WriteLine($"{plan.Links} links, protocol {plan.Protocol}{(plan.Keys ? " with keys" : "")}, timeout {plan.Timeout.TotalMilliseconds} ms, until {plan.Outages} outages or {plan.Length}, --seed {plan.Seed}");
        return Report.Print(plan, await Screen.ShowAsync(plan, cancellation));
    }

    try
    {
        Console.WriteLine($"two namespaces, {plan.Links} links, protocol {plan.Protocol}, timeout {plan.Timeout.TotalMilliseconds} ms, {result.GetValue(drop)} % of packets dropped each way, for {plan.Length}, --seed {plan.Seed}");
        return Report.Print(plan, result.GetValue(drop), await Screen.ShowAsync(plan, result.GetValue(drop), cancellation));
    }
    catch (NotPossibleException e)
    {
        return await SayAsync($"Not possible here. {e.Message}", 3);
    }
});

var parsed = command.Parse(args);
// Long enough that Ctrl-C still ends in the figures.
return parsed.Errors is [var error, ..]
    ? await SayAsync(error.Message, 2)
    : await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = new SoakPlan().Drain * 2 });

static async Task<int> SayAsync(string sentence, int exitCode)
{
    await Console.Error.WriteLineAsync(sentence);
    return exitCode;
}
