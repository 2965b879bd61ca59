using System.CommandLine;
using System.Net;

namespace TcpSoak.Namespaces;

/// <summary>The commands that a soak in namespaces starts this program with: not for people.</summary>
internal static class EndCommands
{
    public const string Server = "serve-in-namespace";
    public const string Devices = "connect-in-namespace";

    public static IEnumerable<Command> All(Settings settings) =>
    [
        Make(Server, settings, EndRole.ServeAsync),
        Make(Devices, settings, EndRole.ConnectAsync),
    ];

    private static Command Make(string name, Settings settings, Func<Ends.SoakPlan, IPEndPoint, Task<int>> run)
    {
        var address = new Argument<string>("address");
        var command = new Command(name) { address };
        command.Hidden = true;
        foreach (var option in settings.All)
            command.Add(option);
        command.SetAction((result, _) => run(settings.Plan(result), IPEndPoint.Parse(result.GetValue(address)!)));
        return command;
    }
}
