using System.CommandLine;

namespace Rx.IotLink.Cli;

/// <summary>The commands for a running server.</summary>
internal static class RemoteCommands
{
    /// <summary>All of them.</summary>
    /// <param name="commandOf">Makes what runs one, with what it was given.</param>
    public static IEnumerable<Command> All(Func<RemoteSettings, RemoteCommand> commandOf)
    {
        yield return List(commandOf);
        yield return Top(commandOf);
        yield return OfDevice("show", "Show one device: its state, why it is down, its counts.", commandOf, static (command, id) => command.ShowAsync(id));
        yield return Send(commandOf);
        yield return OfDevice("ping", "Measure a round trip to a device (protocol 2). Its application sees nothing of it.", commandOf, static (command, id) => command.PingAsync(id));
        var kick = OfDevice("kick", "End the connection of a device. Its link stays, no line is lost, and it comes back if it wants to.", commandOf, static (command, id) => command.KickAsync(id));
        kick.Aliases.Add("disconnect");
        yield return kick;
        yield return OfDevice("revoke", "Revoke the keys of a device: they are removed from the file of --key-file, and its connection ends.", commandOf, static (command, id) => command.RevokeAsync(id));
        yield return OfDevice("forget", "Forget a device with all its memory, in the file of --store too. Lines for it are lost; if it comes back, it is a new one.", commandOf, static (command, id) => command.ForgetAsync(id));
    }

    private static Command List(Func<RemoteSettings, RemoteCommand> commandOf)
    {
        var (state, search, options) = (State(), Search(), new RemoteOptions());
        var command = new Command("ls", "List the devices of a running server ('iotlink serve --page').") { state, search };
        command.Aliases.Add("list");
        options.AddTo(command);
        command.SetAction((parsed, _) => commandOf(options.Of(parsed)).ListAsync(parsed.GetValue(state), parsed.GetValue(search)));
        return command;
    }

    private static Command Top(Func<RemoteSettings, RemoteCommand> commandOf)
    {
        var (state, search, options) = (State(), Search(), new RemoteOptions());
        var sort = new Option<string>("--sort") { HelpName = "BY", Description = $"On a terminal, sort by: {string.Join(", ", TopCommand.Sorts)}. Default: state, those that are down first.", DefaultValueFactory = _ => TopCommand.Sorts[0] };
        sort.AcceptOnlyFromAmong(TopCommand.Sorts);
        var command = new Command("top", "Watch the devices of a running server: a live table on a terminal; in a pipe a line for each device now, and whenever its state changes.") { state, search, sort };
        options.AddTo(command);
        command.SetAction((parsed, _) => commandOf(options.Of(parsed)).TopAsync(parsed.GetValue(state), parsed.GetValue(search), parsed.GetValue(sort)!));
        return command;
    }

    private static Option<string?> Search() => new("--search") { HelpName = "TEXT", Description = "Only devices with this text in their ids." };

    private static Option<string?> State()
    {
        var state = new Option<string?>("--state") { HelpName = "STATE", Description = "Only devices in this state: up, down, asleep or connecting." };
        state.CompletionSources.Add("up", "down", "asleep", "connecting");
        return state;
    }

    private static Command Send(Func<RemoteSettings, RemoteCommand> commandOf)
    {
        var (id, line, options) = (Id(), new Argument<string>("LINE") { Description = "The line." }, new RemoteOptions());
        var command = new Command("send", "Send a line to a device, exactly once. Prints accepted, or waiting if the device has not accepted it within 10 s; it waits on.") { id, line };
        options.AddTo(command);
        command.SetAction((parsed, _) => commandOf(options.Of(parsed)).SendAsync(parsed.GetValue(id)!, parsed.GetValue(line)!));
        return command;
    }

    private static Command OfDevice(string name, string description, Func<RemoteSettings, RemoteCommand> commandOf, Func<RemoteCommand, string, Task<int>> run)
    {
        var (id, options) = (Id(), new RemoteOptions());
        var command = new Command(name, description) { id };
        options.AddTo(command);
        command.SetAction((parsed, _) => run(commandOf(options.Of(parsed)), parsed.GetValue(id)!));
        return command;
    }

    private static Argument<string> Id() => new("ID") { Description = "The device." };
}
