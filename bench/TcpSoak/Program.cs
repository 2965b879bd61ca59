using System.CommandLine;
using TcpSoak;
using TcpSoak.Ends;

// Outages by the thousand over real sockets, and every line counted.
var settings = new Settings();
var command = new RootCommand("Breaks the connections of real clients and a real server again and again, and counts what is lost, repeated or out of order.");
foreach (var option in settings.All)
    command.Add(option);
command.SetAction(async (result, cancellation) =>
{
    var plan = settings.Plan(result);
    if (plan is { Keys: true, Protocol: 1 })
        return await UsageAsync("--keys needs --protocol 2: protocol 1 has no keys.");
    Console.WriteLine($"{plan.Links} links, protocol {plan.Protocol}{(plan.Keys ? " with keys" : "")}, timeout {plan.Timeout.TotalMilliseconds} ms, until {plan.Outages} outages or {plan.Length}, --seed {plan.Seed}");
    return Report.Print(plan, await Screen.ShowAsync(plan, cancellation));
});

var parsed = command.Parse(args);
// Long enough that Ctrl-C still ends in the figures.
return parsed.Errors is [var error, ..]
    ? await UsageAsync(error.Message)
    : await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = new SoakPlan().Drain * 2 });

static async Task<int> UsageAsync(string sentence)
{
    await Console.Error.WriteLineAsync(sentence);
    return 2;
}
