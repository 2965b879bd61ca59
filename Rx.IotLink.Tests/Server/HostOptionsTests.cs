using System.Net;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Security;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server;

/// <summary>The options of servers and clients in a host, set as those of other parts of .NET are.</summary>
public sealed class HostOptionsTests : ServerTest
{
    private static readonly (string Key, string Value)[] Good =
        [("IotLink:Port", "0"), ("IotLink:Bind", "127.0.0.1"), ("IotLink:DrainTimeout", "00:00:00"), ("IotLink:MaxIdBytes", "6")];

    [Test]
    public async Task Configure_binds_a_section_of_a_JSON_file_and_the_application_sees_the_same_options()
    {
        using var files = new TestFiles();
        var file = files.Write("appsettings.json", """
            { "IotLink": { "Port": 0, "Bind": "127.0.0.1", "DrainTimeout": "00:00:00", "Expected": ["pump-1"], "UnknownIds": "refuse",
                           "TrustedProxies": ["10.0.0.0/8"], "MaxConnectionsPerAddress": 7, "Telemetry": { "Name": "plant" } } }
            """);
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { ContentRootPath = Path.GetDirectoryName(file) });
        builder.Services.AddIotLinkServer();
        builder.Services.Configure<IotLinkServerOptions>(builder.Configuration.GetSection("IotLink"));
        var host = Own(builder.Build());
        await host.StartAsync().Within();

        var server = host.Services.GetRequiredService<IotLinkServer>();
        Assert.That(await (await ConnectAsync(server, "stranger")).HearToEndAsync(), Is.Empty, "refused");
        await JoinAsync(server, "pump-1");
        var options = host.Services.GetRequiredService<IOptions<IotLinkServerOptions>>().Value;
        Assert.That((options.Bind, options.MaxConnectionsPerAddress, options.Telemetry.Name), Is.EqualTo((IPAddress.Loopback, 7, "plant")));
        Assert.That((options.Expected, options.TrustedProxies), Is.EqualTo((new[] { "pump-1" }, new[] { IPNetwork.Parse("10.0.0.0/8") })));
    }

    [Test]
    public async Task Steps_run_in_the_order_of_their_registration_and_those_of_PostConfigure_last()
    {
        var seen = new List<int>();
        using var host = Build(Good, (services, configuration) => services
            .PostConfigure<IotLinkServerOptions>(o => seen.Add(o.MaxIdBytes))
            .AddIotLinkServer(o => o with { MaxIdBytes = 5, Port = 70_000, Bind = IPAddress.IPv6Loopback })
            .Configure<IotLinkServerOptions>(o => seen.Add(o.MaxIdBytes))
            .Configure<IotLinkServerOptions>(configuration.GetSection("IotLink"))
            .Configure<IotLinkServerOptions>(o => seen.Add(o.MaxIdBytes))
            .AddIotLinkServer(o => o with { MaxIdBytes = o.MaxIdBytes + 1 }));
        await host.StartAsync().Within();

        Assert.That(seen, Is.EqualTo([5, 6, 7]));
        Assert.That(host.Services.GetRequiredService<IotLinkServer>().EndPoint.Address, Is.EqualTo(IPAddress.Loopback));
    }

    [Test]
    public async Task BindConfiguration_works_and_the_name_of_options_is_the_key_of_their_server()
    {
        (string, string)[] two = [.. Good, ("South:Port", "0"), ("South:Bind", "::1"), ("South:DrainTimeout", "00:00:00"), ("West:Bind", "127.0.0.1")];
        using var host = Build(two, (services, configuration) =>
        {
            services.AddIotLinkServer().AddKeyedIotLinkServer("south").AddKeyedIotLinkServer("west", o => o with { Port = 0 });
            services.AddOptions<IotLinkServerOptions>().BindConfiguration("IotLink");
            services.AddOptions<IotLinkServerOptions>("south").BindConfiguration("South");
            services.Configure<IotLinkServerOptions>("west", configuration.GetSection("West"));
            services.ConfigureAll<IotLinkServerOptions>(o => Assert.That(o.MaxIdBytes, Is.EqualTo(o.Telemetry.Name is null ? 6 : 128)));
        });
        await host.StartAsync().Within();

        string AddressOf(string key) => $"{host.Services.GetRequiredKeyedService<IotLinkServer>(key).EndPoint.Address}";
        Assert.That((AddressOf("south"), AddressOf("west")), Is.EqualTo(("::1", "127.0.0.1")));
        Assert.That(host.Services.GetRequiredService<IotLinkServer>().EndPoint.Address, Is.EqualTo(IPAddress.Loopback));
    }

    [TestCase("IotLink:KeyFil", "x", "IotLink:KeyFil 'KeyFil' is no option; the nearest is KeyFile.")]
    [TestCase("IotLink:MaxIdBytes", "0", "MaxIdBytes must be 1 to 4096.")]
    [TestCase("IotLink:Bind", "localhost", "Bind 'localhost' is not an IP address.")]
    [TestCase("IotLink:TrustedProxies:0", "::/0", "TrustedProxies '::/0' trusts every address")]
    [TestCase("IotLink:Scheduler", "x", "IotLink:Scheduler 'Scheduler' cannot be given as text; set it in code.")]
    public void A_wrong_name_or_value_fails_the_start_however_the_section_was_given(string key, string value, string fault)
    {
        void Fails(Action<IServiceCollection, IConfigurationSection> add)
        {
            using var host = Build([.. Good.Where(g => g.Key != key), (key, value)], (services, configuration) => add(services, configuration.GetSection("IotLink")));
            Assert.That(async () => await host.StartAsync().Within(), Throws.InstanceOf<ArgumentException>().With.Message.StartsWith(fault));
        }

        Fails((services, section) => services.AddIotLinkServer(section));
        Fails((services, section) => services.AddIotLinkServer().Configure<IotLinkServerOptions>(section));
        Fails((services, section) => services.Configure<IotLinkServerOptions>("north", section).AddKeyedIotLinkServer("north"));
        Fails((services, _) => services.AddIotLinkServer().AddOptions<IotLinkServerOptions>().BindConfiguration("IotLink"));
        Fails((services, section) => services.AddIotLinkServer().AddOptions<IotLinkServerOptions>().Bind(section).ValidateOnStart());
    }

    [Test]
    public void A_check_of_the_application_fails_the_start()
    {
        using var host = Build(Good, (services, configuration) => services.AddIotLinkServer(configuration.GetSection("IotLink"))
            .AddOptions<IotLinkServerOptions>().Validate(o => o.KeyFile is not null, "this plant needs keys"));
        Assert.That(async () => await host.StartAsync().Within(), Throws.InstanceOf<OptionsValidationException>().With.Message.EqualTo("this plant needs keys"));
    }

    /// <summary>What the generator of bindings writes: it leaves out properties that are set at construction.</summary>
    [Test]
    public void A_section_that_generated_code_binds_fails_the_start_with_what_to_do()
    {
        using var host = Build(Good, (services, configuration) => services.AddIotLinkServer()
            .AddSingleton<IOptionsChangeTokenSource<IotLinkServerOptions>>(new ConfigurationChangeTokenSource<IotLinkServerOptions>("", configuration.GetSection("IotLink")))
            .AddSingleton<IConfigureOptions<IotLinkServerOptions>>(new ConfigureNamedOptions<IotLinkServerOptions>("", _ => { })));
        Assert.That(async () => await host.StartAsync().Within(), Throws.InvalidOperationException.With.Message.EqualTo(
            "A section of IotLinkServerOptions is bound by code that the configuration binding generator wrote, which leaves out the options that are set at construction: give the section to AddIotLinkServer, or set EnableConfigurationBindingGenerator to false in the project."));
    }

    [Test]
    public async Task A_client_takes_its_options_in_the_same_ways()
    {
        var server = await StartServerAsync();
        (string, string)[] given = [("Link:Host", "127.0.0.1"), ("Link:Port", $"{server.EndPoint.Port}"), ("Link:BackOff:Initial", "00:00:00.01")];
        using var host = Build(given, (services, configuration) => services.Configure<IotLinkClientOptions>(configuration.GetSection("Link")).AddIotLinkClient(o => o with { Id = "pump-1" })
            .Configure<IotLinkClientOptions>("b", configuration.GetSection("Link")).AddKeyedIotLinkClient("b", o => o with { Id = "pump-2" }));
        await host.StartAsync().Within();
        await server.WaitForAllAsync(["pump-1", "pump-2"]).Within();
        await host.StopAsync().Within();

        using var wrong = Build([("Link:Hots", "127.0.0.1")], (services, configuration) => services.Configure<IotLinkClientOptions>(configuration.GetSection("Link")).AddIotLinkClient(o => o));
        Assert.That(async () => await wrong.StartAsync().Within(), Throws.ArgumentException.With.Message.StartsWith("Link:Hots 'Hots' is no option; the nearest is Host."));
    }

    private static IHost Build((string Key, string Value)[] given, Action<IServiceCollection, IConfiguration> add)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Configuration.AddInMemoryCollection(given.Select(g => KeyValuePair.Create(g.Key, (string?)g.Value)));
        add(builder.Services, builder.Configuration);
        return builder.Build();
    }
}
