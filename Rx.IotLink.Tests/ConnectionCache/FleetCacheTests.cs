using DynamicData;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Sqlite;
using Rx.IotLink.Tests.Server.Tools;
using Rx.IotLink.Tests.Stores.Sqlite;

namespace Rx.IotLink.Tests.ConnectionCache;

/// <summary>A whole fleet as an observable cache. Compiled only with -p:UseDynamicData=true.</summary>
internal sealed class FleetCacheTests : ServerTest
{
    [Test]
    public async Task Holds_the_devices_of_the_fleet_and_follows_them()
    {
        var folder = Own(new TemporaryFolder());
        var store = Own(SqliteSessionStore.Open(folder["fleet.db"]));
        var server = await StartServerAsync(ServerOptions with { SessionStore = store });
        using var fleet = store.Fleet.Devices(TimeSpan.FromMilliseconds(20));
        StartClient(server, "pump-1");
        var two = StartClient(server, "pump-2");
        await Bound.EventuallyAsync(() => fleet.Items.Count(device => device.IsUp) == 2);
        await two.CloseAsync().Within();
        await Bound.EventuallyAsync(() => fleet.Lookup("pump-2") is { HasValue: true, Value.IsUp: false });
        Assert.That(fleet.Lookup("pump-1").Value.IsUp, Is.True);
    }
}
