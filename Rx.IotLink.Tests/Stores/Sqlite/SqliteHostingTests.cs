using System.Reactive.Linq;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Sqlite;
using Rx.IotLink.Tests.Cli;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Stores.Sqlite;

/// <summary>A store as a part of a real host.</summary>
internal sealed class SqliteHostingTests : ServerTest
{
    private static readonly WriteOptions Stored = new() { Until = WrittenUntil.Stored };

    private TemporaryFolder folder = null!;

    [SetUp]
    public void MakeFolder() => folder = Own(new TemporaryFolder());

    [Test]
    public async Task What_is_written_in_one_host_arrives_from_the_next()
    {
        using (var host = Build(services => services.AddSqliteSessions(folder["fleet.db"])))
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

        using var next = Build(services => services.AddSqliteSessions(folder["fleet.db"]));
        await next.StartAsync().Within();
        var second = StartClient(next.Services.GetRequiredService<IotLinkServer>(), "pump-1");
        Assert.That(await second.Lines.FirstAsync().Timeout(Bound.Limit), Is.EqualTo("open"));
    }

    [Test]
    public async Task A_file_that_another_process_has_fails_the_start_with_one_exception_and_starts_when_it_is_free()
    {
        await using var other = IotLinkProcess.StartBuilt("Stores", "hold", folder["fleet.db"]);
        await other.OutputAsync("open");
        using (var host = Build(services => services.AddSqliteSessions(folder["fleet.db"])))
        {
            var refused = await Assert.CatchAsync(async () => await host.StartAsync().Within());
            Assert.That(refused, Is.TypeOf<SessionStoreException>());
            Assert.That(refused!.Message, Is.EqualTo(
                $"The session store '{folder["fleet.db"]}' is used by another process, or opened twice in this one. "
                + "End the other one, or give each its own file."));
            Assert.That(Log.Entries.Values.Select(e => e.Id), Has.None.EqualTo(1), "nothing listens");
        }

        await other.KillAsync();
        using var free = Build(services => services.AddSqliteSessions(folder["fleet.db"]));
        await free.StartAsync().Within();
    }

    [Test]
    public async Task The_file_is_free_when_the_start_of_the_host_failed_for_another_reason()
    {
        var server = await StartServerAsync();
        using (var host = Build(services => services.AddSqliteSessions(folder["fleet.db"]), options => options with { Port = server.EndPoint.Port }))
            Assert.That(async () => await host.StartAsync().Within(), Throws.InstanceOf<IOException>().With.Message.Contains($"{server.EndPoint}"));

        using var store = SqliteSessionStore.Open(folder["fleet.db"]);
    }

    [Test]
    public async Task The_options_are_those_that_were_given_and_the_order_of_adding_does_not_matter()
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddSqliteSessions(new SqliteSessionStoreOptions { Path = folder["fleet.db"], Durability = SqliteDurability.Normal });
        IotLinkServerOptions? used = null;
        builder.Services.AddIotLinkServer(configure: options => used = options with { Port = 0 });
        using var host = builder.Build();
        await host.StartAsync().Within();

        var store = host.Services.GetRequiredService<SqliteSessionStore>();
        Assert.That(used!.SessionStore, Is.SameAs(store));
        Assert.That(store.Synchronous, Is.EqualTo(1));
    }

    [Test]
    public void What_is_wrong_is_said_when_it_is_added()
    {
        var services = new ServiceCollection();
        Assert.That(() => services.AddSqliteSessions(""), Throws.ArgumentException.With.Message.Contains("Path"));
        var tooSmall = new SqliteSessionStoreOptions { Path = "fleet.db", MaxBytes = 1 };
        Assert.That(() => services.AddSqliteSessions(tooSmall), Throws.InstanceOf<ArgumentException>().With.Message.Contains("MaxBytes"));
        services.AddSqliteSessions("fleet.db");
        Assert.That(() => services.AddSqliteSessions("other.db"), Throws.InvalidOperationException.With.Message.Contains("'other.db'"));
    }

    private IHost Build(Action<IServiceCollection> add, Func<IotLinkServerOptions, IotLinkServerOptions>? configure = null)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddIotLinkServer(configure: given => configure is null ? Options(given) : configure(Options(given)));
        add(builder.Services);
        return builder.Build();
    }

    private IotLinkServerOptions Options(IotLinkServerOptions given) => ServerOptions with { SessionStore = given.SessionStore };
}
