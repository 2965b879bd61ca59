using System.CommandLine;
using Rx.IotLink.Bench.Fleet.Clients;
using Rx.IotLink.Bench.Fleet.Control;
using Rx.IotLink.Bench.Fleet.Measurements;
using Rx.IotLink.Bench.Fleet.Server;
using Spectre.Console;

namespace Rx.IotLink.Bench.Fleet;

/// <summary>From arguments to measurements, or to one of this program's own processes.</summary>
internal static class Program
{
    private static readonly string[] Everything = ["rest", "kept", "page", "growth", "storm", "held"];

    private static Task<int> Main(string[] args) => Root(args).Parse(args).InvokeAsync();

    private static RootCommand Root(string[] args)
    {
        var what = new Argument<string[]>("what") { Description = "What is measured; default: all.", Arity = ArgumentArity.ZeroOrMore };
        what.AcceptOnlyFromAmong(Everything);
        var links = new Option<int>("--links") { Description = "rest, kept: links at rest; page: links that write.", DefaultValueFactory = _ => 10_000 };
        var held = new Option<int>("--held") { Description = "held: links that are held.", DefaultValueFactory = _ => 20_000 };
        var servers = new Option<int>("--servers") { Description = "held: server processes that share them, where one may not have so many descriptors.", DefaultValueFactory = _ => 1 };
        var storm = new Option<int>("--storm") { Description = "storm: connections that are cut at once.", DefaultValueFactory = _ => 10_000 };
        var rounds = new Option<int>("--rounds") { Description = "Rounds of links and bare, one after the other.", DefaultValueFactory = _ => 3 };
        var hold = new Option<double>("--hold") { Description = "held: minutes.", DefaultValueFactory = _ => 10 };
        var watch = new Option<double>("--watch") { Description = "rest, growth: seconds over which processor time is counted.", DefaultValueFactory = _ => 15 };
        var tls = new Option<bool>("--tls") { Description = "rest: with TLS as well." };
        var stages = new Option<int[]>("--stages") { Description = "growth: numbers of links.", DefaultValueFactory = _ => [100, 1_000, 5_000, 10_000, 20_000], AllowMultipleArgumentsPerToken = true };
        var folder = new Option<DirectoryInfo>("--folder") { Description = "kept: where the files of stores are made; default: the temporary folder.", DefaultValueFactory = _ => new(Path.GetTempPath()) };
        folder.AcceptExistingOnly();
        var json = new Option<string>("--json") { Description = "A file for the figures." };
        var root = new RootCommand("Thousands of links: at rest, held, in a storm; server and devices in processes of their own, beside bare connections in the same run.")
        {
            what, links, held, servers, storm, rounds, hold, watch, tls, stages, folder, json, ServerCommand(), ClientsCommand(),
        };
        root.SetAction(parsed => RunAsync(
            parsed.GetValue(what) is { Length: > 0 } some ? some : Everything,
            new Settings
            {
                Links = parsed.GetValue(links),
                Held = parsed.GetValue(held),
                Servers = parsed.GetValue(servers),
                Storm = parsed.GetValue(storm),
                Rounds = parsed.GetValue(rounds),
                Hold = TimeSpan.FromMinutes(parsed.GetValue(hold)),
                Watch = TimeSpan.FromSeconds(parsed.GetValue(watch)),
                Tls = parsed.GetValue(tls),
                Folder = parsed.GetValue(folder)!,
                Stages = [.. parsed.GetValue(stages)!.Order()],
            },
            parsed.GetValue(json),
            args));
        return root;
    }

    private static async Task<int> RunAsync(string[] what, Settings settings, string? json, string[] args)
    {
        var figures = new List<Figure>();
        var exit = 0;
        try
        {
            foreach (var one in what)
                figures.AddRange(await MeasureAsync(one, settings, Tell).ConfigureAwait(false));
        }
        catch (Exception exception) when (exception is NotEnoughException or InvalidOperationException)
        {
            await Console.Error.WriteLineAsync(exception.Message).ConfigureAwait(false);
            exit = 1;
        }

        Report.Show(figures);
        if (json is not null)
            Report.Save(figures, json, args);
        return exit;
    }

    private static async Task<IEnumerable<Figure>> MeasureAsync(string what, Settings settings, Action<string> tell) => what switch
    {
        "rest" => (await Rest.MeasureAsync(settings, tls: false, tell).ConfigureAwait(false)).Concat(settings.Tls ? await Rest.MeasureAsync(settings, tls: true, tell).ConfigureAwait(false) : []),
        "kept" => await Kept.MeasureAsync(settings, tell).ConfigureAwait(false),
        "page" => await PageCost.MeasureAsync(settings, tell).ConfigureAwait(false),
        "growth" => await Growth.MeasureAsync(settings, tell).ConfigureAwait(false),
        "storm" => await Storm.MeasureAsync(settings, tell).ConfigureAwait(false),
        _ => await Held.MeasureAsync(settings, tell).ConfigureAwait(false),
    };

    private static void Tell(string what) => AnsiConsole.MarkupLineInterpolated($"[grey]{what}[/]");

    private static Command ServerCommand()
    {
        var (bare, tls, store, page) = (new Option<bool>("--bare"), new Option<bool>("--tls"), new Option<string?>("--store"), new Option<bool>("--page"));
        var command = new Command("server", "A process of this program's own.") { bare, tls, store, page };
        command.Hidden = true;
        command.SetAction(parsed => ServerProcess.RunAsync(parsed.GetValue(bare), parsed.GetValue(tls), Settings.Timeout, parsed.GetValue(store), parsed.GetValue(page)));
        return command;
    }

    private static Command ClientsCommand()
    {
        var (port, number) = (new Option<int>("--port"), new Option<int>("--number"));
        var (bare, real, tls) = (new Option<bool>("--bare"), new Option<bool>("--real"), new Option<bool>("--tls"));
        var command = new Command("clients", "A process of this program's own.") { port, number, bare, real, tls };
        command.Hidden = true;
        command.SetAction(parsed => ClientProcess.RunAsync(parsed.GetValue(port), parsed.GetValue(number), parsed.GetValue(bare), parsed.GetValue(real), parsed.GetValue(tls)));
        return command;
    }
}
