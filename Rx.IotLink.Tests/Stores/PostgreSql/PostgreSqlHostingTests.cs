using System.Reactive.Linq;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using NUnit.Framework;
using Rx.IotLink.PostgreSql;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Cli;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Stores.PostgreSql;

/// <summary>A store as a part of a real host.</summary>
internal sealed class PostgreSqlHostingTests : ServerTest
{
    private static readonly WriteOptions Stored = new() { Until = WrittenUntil.Stored };

    [Test]
    public async Task What_is_written_in_one_host_arrives_from_the_next()
    {
        var cluster = await PostgresCluster.Shared;
        var connection = cluster.ConnectionString(await cluster.NewDatabaseAsync());
        using (var host = Build(services => services.AddPostgreSqlSessions(connection)))
        {
            await host.StartAsync().Within();
            var server = host.Services.GetRequiredService<IotLinkServer>();
            var first = StartClient(server, "pump-1");
            var link = await server.WaitForAsync("pump-1").Within();
            await first.DisposeAsync();
            await link.State.FirstAsync(state => !state.IsUp);
            await link.WriteAsync("open", Stored).Within();
            await host.StopAsync().Within();
        }

        using var next = Build(services => services.AddPostgreSqlSessions(connection));
        await next.StartAsync().Within();
        var second = StartClient(next.Services.GetRequiredService<IotLinkServer>(), "pump-1");
        Assert.That(await second.Lines.FirstAsync().Timeout(Bound.Limit), Is.EqualTo("open"));
    }

    /// <summary>Whatever was added first.</summary>
    [Test]
    public async Task A_database_that_cannot_be_used_fails_the_start_with_one_exception_and_nothing_listens([Values] bool isFirst)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        var connection = $"Host=127.0.0.1;Port={FreePort.Get()};Username=iotlink;Password=secret";
        if (isFirst)
            builder.Services.AddPostgreSqlSessions(connection);
        builder.Services.AddIotLinkServer(configure: given => Options(given));
        if (!isFirst)
            builder.Services.AddPostgreSqlSessions(connection);
        using var host = builder.Build();

        var refused = await Assert.CatchAsync(async () => await host.StartAsync().Within());
        Assert.That(refused, Is.TypeOf<SessionStoreException>(), $"{refused}");
        Assert.That(refused!.Message, Does.Contain("cannot be reached (Connection refused)").And.Not.Contain("secret"));
        Assert.That(Log.Entries.Values.Select(e => e.Id), Has.None.EqualTo(1), "nothing listens");
    }

    [Test]
    public void What_is_wrong_is_said_when_it_is_added()
    {
        var services = new ServiceCollection();
        Assert.That(() => services.AddPostgreSqlSessions("Host=db;Pasword=secret"), Throws.ArgumentException.With.Message.Contains("ConnectionString").And.Message.Not.Contains("secret"));
        var tooFew = new PostgreSqlSessionStoreOptions { ConnectionString = "Host=db", MaxConnections = 1 };
        Assert.That(() => services.AddPostgreSqlSessions(tooFew), Throws.InstanceOf<ArgumentException>().With.Message.Contains("MaxConnections"));
        services.AddPostgreSqlSessions("Host=db");
        Assert.That(() => services.AddPostgreSqlSessions("Host=db"), Throws.InvalidOperationException.With.Message.Contains("'iotlink'"));
    }

    private IHost Build(Action<IServiceCollection> add)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddIotLinkServer(configure: given => Options(given));
        add(builder.Services);
        return builder.Build();
    }

    private IotLinkServerOptions Options(IotLinkServerOptions given) => ServerOptions with { SessionStore = given.SessionStore };
}
