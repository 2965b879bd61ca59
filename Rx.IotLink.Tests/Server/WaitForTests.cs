using NUnit.Framework;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server;

/// <summary>Waiting for devices.</summary>
public sealed class WaitForTests : ServerTest
{
    [Test]
    public async Task A_link_is_waited_for_until_it_joins_and_given_at_once_after_that()
    {
        var server = await StartServerAsync();
        var (before, beforeToo) = (server.WaitForAsync("1"), server.WaitForAsync("1"));
        var other = server.WaitForAsync("2");
        await JoinAsync(server);

        var link = await before.Within();

        Assert.That(link.Id, Is.EqualTo("1"));
        Assert.That(await beforeToo.Within(), Is.SameAs(link));
        Assert.That(server.WaitForAsync("1").IsCompletedSuccessfully, Is.True);
        Assert.That(other.IsCompleted, Is.False);
    }

    [Test]
    public async Task Waiting_can_be_given_up_without_harm_to_others_who_wait()
    {
        var server = await StartServerAsync();
        using var patience = new CancellationTokenSource();
        var impatient = server.WaitForAsync("1", patience.Token);
        var impatientForAll = server.WaitForAllAsync(["1", "2"], patience.Token);
        var patient = server.WaitForAsync("1");

        await patience.CancelAsync();

        Assert.That(async () => await impatient.Within(), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(async () => await impatientForAll.Within(), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(patient.IsCompleted, Is.False);
        await JoinAsync(server);
        await patient.Within();
    }

    [Test]
    public async Task The_expected_are_waited_for_if_no_others_are_named()
    {
        var server = await StartServerAsync(ServerOptions with { Expected = ["1", "2", "2"] });
        var expected = server.WaitForAllAsync();
        var named = server.WaitForAllAsync(["2", "3", "3"]);
        await JoinAsync(server, "1");
        await JoinAsync(server, "3");
        Assert.That(expected.IsCompleted || named.IsCompleted, Is.False);

        await JoinAsync(server, "2");

        Assert.That((await expected.Within()).Keys, Is.EquivalentTo(["1", "2"]));
        Assert.That((await named.Within()).Select(l => (l.Key, l.Value.Id)), Is.EquivalentTo([("2", "2"), ("3", "3")]));
        Assert.That((await server.WaitForAllAsync([]).Within()), Is.Empty);
    }

    [Test]
    public async Task Whoever_waits_for_one_that_never_came_learns_that_the_server_stopped()
    {
        var server = await StartServerAsync();
        var (one, all) = (server.WaitForAsync("pump"), server.WaitForAllAsync(["pump"]));

        await server.StopAsync().Within();

        Assert.That(async () => await one.Within(), Throws.InstanceOf<LinkClosedException>().With.Property("Id").EqualTo("pump"));
        Assert.That(async () => await all.Within(), Throws.InstanceOf<LinkClosedException>().With.Property("Id").EqualTo("pump"));
    }
}
