using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using NUnit.Framework;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server;

/// <summary>A client as a part of a generic host.</summary>
public sealed class ClientHostingTests : ServerTest
{
    [Test]
    public async Task It_connects_with_its_host_and_says_goodbye_with_it()
    {
        var server = await StartServerAsync();
        var host = Build(services => services.AddIotLinkClient(Section(("Host", "127.0.0.1"), ("Port", Text(server.EndPoint.Port)), ("Id", "pump-1"), ("BackOff:Initial", "00:00:00.01"))));
        await host.StartAsync().Within();
        var link = await server.WaitForAsync("pump-1").Within();
        var states = link.State.Record();
        var received = link.Lines.Record();
        await host.Services.GetRequiredService<ILink>().WriteAsync("hello").Within();
        Assert.That(received.Values, Is.EqualTo(new[] { "hello" }));
        Assert.That(BackOff.Default.Initial, Is.EqualTo(TimeSpan.FromMilliseconds(500)), "the shared default stays");
        await host.StopAsync().Within();
        Assert.That((await states.FirstAsync(s => s.Status == LinkStatus.Down)).Outage!.Reason, Is.EqualTo(OutageReason.PeerLeft));
        await Bound.EventuallyAsync(() => Log.OfOthers.Any(e => e.Text.StartsWith("pump-1: Up", StringComparison.Ordinal)));
    }

    [Test]
    public async Task Several_are_keyed_services()
    {
        var server = await StartServerAsync();
        var host = Build(services =>
        {
            foreach (var key in (string[])["a", "b"])
                services.AddKeyedIotLinkClient(key, configure: _ => ClientOptions(server.EndPoint, key));
        });
        await host.StartAsync().Within();
        await server.WaitForAllAsync(["a", "b"]).Within();
        Assert.That(host.Services.GetRequiredKeyedService<ILink>("b").Id, Is.EqualTo("b"));
    }

    [TestCase("Hots", "127.0.0.1", "'Hots' is no option; the nearest is Host")]
    [TestCase("Key", "00", "'Key' cannot be given as text; set it in code")]
    [TestCase("Port", "0", "Port must be 1 to 65535.")]
    public void A_wrong_option_fails_the_start_and_is_named(string name, string value, string message)
    {
        var host = Build(services => services.AddIotLinkClient(Section(("Host", "127.0.0.1"), ("Id", "pump-1"), (name, value))));
        Assert.That(async () => await host.StartAsync().Within(), Throws.InstanceOf<ArgumentException>().With.Message.Contains(message));
    }

    private static IConfiguration Section(params (string Name, string Value)[] values) => new ConfigurationBuilder()
        .AddInMemoryCollection(values.Select(v => KeyValuePair.Create($"IotLink:{v.Name}", (string?)v.Value))).Build().GetSection("IotLink");

    private static string Text(int number) => number.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private IHost Build(Action<IServiceCollection> add)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddSingleton<ILoggerFactory>(Log);
        add(builder.Services);
        return Own(builder.Build());
    }
}
