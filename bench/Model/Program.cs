using System.CommandLine;
using System.Globalization;
using Model;

var large = new Option<bool>("--large") { Description = "More lines and more faults: minutes, and some gigabytes of memory." };
var planted = new Option<bool>("--planted") { Description = "The planted changes of the rules alone, each with the way to the promise that it breaks." };
var most = new Option<int>("--states") { Description = "Gives up behind so many states.", DefaultValueFactory = _ => 60_000_000 };
var command = new RootCommand("Searches all that can happen to two servers, a device, their stores and a few lines, by the rules of docs/protocol.md.") { large, planted, most };
command.SetAction(parsed => Run(parsed.GetValue(large) ? Cases.Large : Cases.Kept, parsed.GetValue(planted), parsed.GetValue(most)));
return await command.Parse(args).InvokeAsync();

static int Run(IReadOnlyList<Case> cases, bool onlyPlanted, int most)
{
    var isGood = true;
    if (!onlyPlanted)
    {
        Console.WriteLine("| | lines | servers | crashes | states | steps | seconds |\n|---|--:|--:|--:|--:|--:|--:|");
        foreach (var (name, scope, rules) in cases)
        {
            var verdict = new Search(new(scope, rules)).Run(most);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {name} | {scope.Lines} | {scope.Servers} | {scope.Crashes} | {verdict.States:N0} | {verdict.Steps:N0} | {verdict.Time.TotalSeconds:0.0} |"));
            isGood &= verdict.Broken == Promise.Kept;
            Tell(verdict);
        }
    }

    foreach (var change in Cases.Planted)
    {
        var verdict = new Search(new(change.Scope, change.Rules)).Run(most);
        Console.WriteLine($"\nAn end {change.Name}: {(verdict.Broken == Promise.Kept ? "NOT FOUND" : "found")}");
        isGood &= verdict.Broken != Promise.Kept;
        Tell(verdict);
    }

    Console.WriteLine(isGood ? "\nGOOD" : "\nBAD");
    return isGood ? 0 : 1;
}

static void Tell(Verdict verdict)
{
    if (verdict.Broken == Promise.Kept)
        return;
    Console.WriteLine($"  {verdict.Broken} is broken, after {verdict.Trace.Count} steps:");
    foreach (var step in verdict.Trace)
        Console.WriteLine($"  - {step}");
}
