using System.CommandLine;
using System.Net;
using Examples.Cluster;

// A hundred devices, two servers, an application of two processes, and PostgreSQL. One after the other is killed or
// stopped, and connections are cut all the time. At the end every line is counted.
var seconds = new Option<int>("--seconds") { Description = "How long the faults last, 5 to 3,600.", DefaultValueFactory = _ => 30 };
var devices = new Option<int>("--devices") { Description = "How many devices, 1 to 1,000.", DefaultValueFactory = _ => 100 };
var postgres = new Option<string?>("--postgres") { Description = "An empty database to use (compose.yaml). Default: a PostgreSQL of its own, which is killed, too." };
var cutOff = new Option<bool>("--cut-off") { Description = "Gives each server a network namespace, and cuts it off from the database and from the devices, too. Needs root, on Linux." };
seconds.Validators.Add(result => Check(result, seconds, 5, 3_600));
devices.Validators.Add(result => Check(result, devices, 1, 1_000));

// The other processes are this program, too. Where the database is, they find in the environment.
var node = new Argument<string>("node");
var address = new Argument<string>("address");
var server = new Command("server") { node, address };
server.Hidden = true;
server.SetAction((parsed, ct) => ServerProcess.RunAsync(parsed.GetValue(node)!, IPEndPoint.Parse(parsed.GetValue(address)!), ct));
var application = new Command("application") { node };
application.Hidden = true;
application.SetAction((parsed, ct) => ApplicationProcess.RunAsync(parsed.GetValue(node)!, ct));

var root = new RootCommand("Several servers, one fleet: what is lost when they are killed.") { seconds, devices, postgres, cutOff, server, application };
root.SetAction((parsed, ct) => Demonstration.RunAsync(
    TimeSpan.FromSeconds(parsed.GetValue(seconds)), parsed.GetValue(devices), parsed.GetValue(postgres), parsed.GetValue(cutOff), ct));
root.Validators.Add(result =>
{
    if (result.GetValue(cutOff) && result.GetValue(postgres) is not null)
        result.AddError("--cut-off has a PostgreSQL of its own: it cannot be used with --postgres.");
});
return await root.Parse(args).InvokeAsync();

static void Check(System.CommandLine.Parsing.OptionResult result, Option<int> option, int least, int most)
{
    if (result.GetValue(option) is var value && (value < least || value > most))
        result.AddError($"{option.Name} must be {least} to {most}.");
}
