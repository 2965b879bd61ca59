using System.Runtime.Versioning;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Cli;
using Rx.IotLink.Tests.Dashboard;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Security;

/// <summary>An operator revokes the keys of a device, where they are kept.</summary>
[UnsupportedOSPlatform("windows")]
[Platform(Exclude = "Win")]
public sealed class RevokeTests : DashboardTest, IDisposable
{
    private readonly TestFiles files = new();
    private readonly string key = DeviceKeys.NewKey();

    public void Dispose() => files.Dispose();

    [Test]
    public async Task A_revoked_device_ends_and_comes_back_no_more_and_others_stay()
    {
        var path = files.Write("keys", $"# the pumps\npump-1 {DeviceKeys.NewKey()}\npump-1 {key}\n\npump-2\t{key}\n");
        await StartAsync(serverOptions: ServerOptions with { KeyFile = path });
        var (one, two) = (StartClient(Server, "pump-1", key), StartClient(Server, "pump-2", key));
        await one.WaitUntilUpAsync().Within();
        await two.WaitUntilUpAsync().Within();
        var (mode, states) = (File.GetUnixFileMode(path), Server.Find("pump-1")!.State.Record());

        var revoked = await AskAsync(HttpMethod.Delete, "api/devices/pump-1/keys");
        Assert.That((revoked.Status, revoked.Body.GetProperty("hadKey").GetBoolean()), Is.EqualTo((200, true)));
        Assert.That((await states.FirstAsync(s => s.Status == LinkStatus.Down)).Outage!.Reason, Is.EqualTo(OutageReason.KeyRevoked));
        await Bound.EventuallyAsync(() => Server.Counters.Refused[Refusal.NotProven] > 0);
        Assert.That(await File.ReadAllTextAsync(path), Is.EqualTo($"# the pumps\n\npump-2\t{key}\n"));
        Assert.That(File.GetUnixFileMode(path), Is.EqualTo(mode));
        Assert.That(Directory.GetFiles(Path.GetDirectoryName(path)!), Is.EqualTo(new[] { path }), "nothing else is left there");
        Assert.That(Server.Find("pump-2")!.Counters.Outages, Is.Zero);
        Assert.That((await AskAsync(HttpMethod.Delete, "api/devices/pump-1/keys")).Body.GetProperty("hadKey").GetBoolean(), Is.False);
    }

    [Test]
    public async Task The_last_key_can_be_revoked_and_a_link_to_the_file_stays_one()
    {
        var path = files.Write("keys", $"pump-1 {key}\n");
        var link = files.PathOf("link");
        File.CreateSymbolicLink(link, path);
        await StartAsync(serverOptions: ServerOptions with { KeyFile = link });
        Assert.That(await Server.RevokeAsync("pump-1").Within(), Is.True);
        Assert.That(new FileInfo(link).LinkTarget, Is.EqualTo(path));
        Assert.That(DeviceKeys.Load(path).Count, Is.Zero);
    }

    [Test]
    public async Task A_file_with_a_wrong_line_stays_as_it_is()
    {
        var path = files.Write("keys", $"pump-1 {key}\n");
        await StartAsync(serverOptions: ServerOptions with { KeyFile = path });
        var wrong = $"pump-1 {key}\npump-2 no-key\n";
        files.Write("keys", wrong);
        var refused = await AskAsync(HttpMethod.Delete, "api/devices/pump-1/keys");
        Assert.That((refused.Status, refused.Body.GetProperty("detail").GetString()), Is.EqualTo((503, $"{path}, line 2: the key, at the end of the line, must be an even number of hex digits, at least 32.")));
        Assert.That(await File.ReadAllTextAsync(path), Is.EqualTo(wrong));
    }

    [Test]
    public async Task Keys_that_are_elsewhere_are_not_revoked_here()
    {
        await StartAsync(serverOptions: ServerOptions with { KeyOf = _ => Convert.FromHexString(key) });
        var refused = await AskAsync(HttpMethod.Delete, "api/devices/pump-1/keys");
        Assert.That((refused.Status, refused.Body.GetProperty("detail").GetString()), Is.EqualTo((501, "The server cannot remove these keys: remove them where they are kept.")));
    }

    [Test]
    public async Task The_command_revokes_in_the_file_of_the_server()
    {
        var path = files.Write("keys", $"pump-1 {key}\npump-2 {key}\n");
        var (server, port) = await IotLinkProcess.ServeAsync("--key-file", path, "--page", "0");
        await using var serving = server;
        var url = (await server.EventAsync("page on ")).Split("page on ")[1];
        await using var pump = IotLinkProcess.Connect(port, "pump-1", "--key-file", files.Write("own", $"pump-1 {key}\n"), "--stay");
        await server.EventAsync("pump-1 up");
        await using var revoke = IotLinkProcess.Start("revoke", "pump-1", "--url", url);
        Assert.That(await revoke.ExitAsync(), Is.Zero);
        Assert.That(await IotLinkProcess.AllAsync(revoke.Output), Is.EqualTo(new[] { "revoked" }));
        await server.EventAsync("pump-1 down");
        Assert.That(await File.ReadAllTextAsync(path), Is.EqualTo($"pump-2 {key}\n"));
    }

    private IotLinkClient StartClient(IotLinkServer server, string id, string hex) => StartClient(ClientOptions(server.EndPoint, id) with { Key = Convert.FromHexString(hex) });
}
