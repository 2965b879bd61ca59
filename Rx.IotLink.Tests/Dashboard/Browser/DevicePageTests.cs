using System.Reactive.Linq;
using System.Text.RegularExpressions;
using Microsoft.Playwright;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Security;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Dashboard.Browser;

/// <summary>One device: its past, its lines, and what an operator does with it.</summary>
public sealed class DevicePageTests : PageTest
{
    [Test]
    public async Task A_line_is_sent_and_seen_accepted_and_its_answer_is_among_the_last_lines()
    {
        await StartAsync(Often);
        using var application = Server.Links.Subscribe(link => link.Lines.Subscribe(_ => { }));
        var device = await DeviceAsync("pump-1");
        using var answering = device.Lines.Select(line => Written(device, $"got {line}")).Concat().Subscribe();
        await OpenAsync("#device=pump-1");

        await Page.GetByLabel("Send a line").FillAsync("""{"valve":"open"}""");
        await Button("Send").ClickAsync();
        await Expect(Page.Locator(".log li").First).ToHaveTextAsync(Pattern("“\\{\"valve\":\"open\"\\}” accepted after [0-9.]+ m?s"));
        await Expect(Page.Locator(".lines .text").First).ToHaveTextAsync("""got {"valve":"open"}""");
        await Expect(Page.Locator(".facts div").Filter(new() { HasText = "accepted by the device" }).Locator("dd")).ToHaveTextAsync("1");
    }

    [Test]
    public async Task A_line_for_a_device_that_is_down_is_said_to_wait()
    {
        await StartAsync(Often with { AcceptedWithin = TimeSpan.FromMilliseconds(50) });
        using (await JoinAsync(Server, "pump-1"))
        {
            // It is gone at once.
        }

        await OpenAsync("#device=pump-1");
        await Expect(Page.Locator("#device .why")).ToContainTextAsync("closed by peer");
        await Page.GetByLabel("Send a line").FillAsync("wake up");
        await Page.Keyboard.PressAsync("Enter");
        await Expect(Page.Locator(".log li").First).ToContainTextAsync("“wake up” waits for the device");
        await Expect(Page.Locator(".facts div").Filter(new() { HasText = "wait for the device" }).Locator("dd")).ToHaveTextAsync("1");
    }

    [Test]
    public async Task Ping_kick_and_the_outage_that_follows()
    {
        await StartAsync(Often);
        var device = await DeviceAsync("pump-1");
        await OpenAsync("#device=pump-1");
        await Expect(Page.Locator(".outages")).ToHaveTextAsync("None so far.");

        await Button("Ping").ClickAsync();
        await Expect(Page.Locator(".log li").First).ToHaveTextAsync(Pattern("Round trip [0-9.]+ ms"));
        await Button("Kick").ClickAsync();
        await Expect(Page.Locator(".log li").First).ToHaveTextAsync(Pattern("Disconnected"));
        await Expect(Page.Locator(".outages li")).ToHaveTextAsync(Pattern("[0-9:]+ [0-9]+ s, closed here: .*"));
        await device.WaitUntilUpAsync().Within();
        await Expect(Page.Locator("#device .state").First).ToHaveTextAsync("up");
        await Expect(Page.Locator(".timeline rect.down")).ToHaveCountAsync(1);
        await Button("Measure latency").ClickAsync();
        await Expect(Page.Locator("#device figcaption").Last).ToHaveTextAsync(Pattern("Round trip, ms: [0-9.]+ ms"));
        await Expect(Button("Measure latency")).ToHaveAttributeAsync("aria-pressed", "true");
    }

    [Test]
    public async Task A_device_is_forgotten_only_when_that_is_confirmed()
    {
        await StartAsync(Often);
        using var peer = await JoinAsync(Server, "pump-1");
        await OpenAsync("#device=pump-1");

        await Button("Forget…").ClickAsync();
        await Expect(Page.GetByRole(AriaRole.Dialog, new() { Name = "Forget pump-1?" })).ToBeVisibleAsync();
        await Button("Cancel").ClickAsync();
        await Expect(Page.Locator("#confirm")).ToBeHiddenAsync();
        Assert.That(Server.GetConnection("pump-1"), Is.Not.Null);
        await Button("Forget…").ClickAsync();
        await Button("Forget").ClickAsync();
        await Expect(Page.Locator(".log li").First).ToHaveTextAsync(Pattern("Forgotten"));
        await Expect(Page.Locator("#device .state").First).ToHaveTextAsync("not known");
        await Expect(Page.Locator("#rows tr")).ToHaveCountAsync(0);
        Assert.That(Server.GetConnection("pump-1"), Is.Null);
    }

    [Test]
    public async Task Keys_are_revoked_by_keyboard_only_when_that_is_confirmed()
    {
        using var files = new TestFiles();
        var key = DeviceKeys.NewKey();
        var path = files.Write("keys", $"pump-1 {key}\npump-2 {key}\n");
        await StartAsync(Often, serverOptions: ServerOptions with { KeyFile = path });
        var device = StartClient(ClientOptions(Server.EndPoint, "pump-1") with { Key = Convert.FromHexString(key) });
        await device.WaitUntilUpAsync().Within();
        await OpenAsync("#device=pump-1");
        var dialog = Page.GetByRole(AriaRole.Dialog, new() { Name = "Revoke the keys of pump-1?" });

        await Button("Revoke keys…").FocusAsync();
        await Page.Keyboard.PressAsync("Enter");
        await Expect(dialog).ToBeVisibleAsync();
        // Cancel has the focus: whoever presses Enter once too often revokes nothing.
        await Page.Keyboard.PressAsync("Enter");
        await Expect(dialog).ToBeHiddenAsync();
        Assert.That(DeviceKeys.Load(path).Count, Is.EqualTo(2));
        await Page.Keyboard.PressAsync("Enter");
        await Expect(dialog).ToBeVisibleAsync();
        await Page.Keyboard.PressAsync("Tab");
        await Page.Keyboard.PressAsync("Enter");
        await Expect(Page.Locator(".log li").First).ToHaveTextAsync(Pattern("Keys revoked"));
        await Expect(Page.Locator("#device .why")).ToContainTextAsync("key revoked");
        Assert.That(await File.ReadAllTextAsync(path), Is.EqualTo($"pump-2 {key}\n"));
        await Expect(Button("Revoke keys…")).ToBeFocusedAsync();
    }

    [Test]
    public async Task Keys_that_the_server_cannot_remove_are_said_to_be_elsewhere()
    {
        var key = DeviceKeys.NewKey();
        await StartAsync(Often, serverOptions: ServerOptions with { KeyOf = _ => Convert.FromHexString(key) });
        var device = StartClient(ClientOptions(Server.EndPoint, "pump-1") with { Key = Convert.FromHexString(key) });
        await device.WaitUntilUpAsync().Within();
        await OpenAsync("#device=pump-1");
        Expected = "501";

        await Button("Revoke keys…").ClickAsync();
        await Button("Revoke").ClickAsync();
        await Expect(Page.Locator(".log li.failed")).ToContainTextAsync("The server cannot remove these keys: remove them where they are kept.");
        await Expect(Page.Locator("#device .state").First).ToHaveTextAsync("up");
    }

    [Test]
    public async Task Rates_are_drawn_in_the_row_and_in_the_panel()
    {
        await StartAsync(Often);
        using var application = Server.Links.Subscribe(link => link.Lines.Subscribe(_ => { }));
        var device = await DeviceAsync("pump-1");
        await OpenAsync("#device=pump-1");
        for (var sample = 0; sample < 3; sample++)
        {
            for (var i = 0; i < 10 * sample; i++)
                await device.WriteAsync("x").Within();
            History.Sample();
        }

        await Expect(Row("pump-1").Locator("polyline")).ToHaveAttributeAsync("points", Pattern("0.0,19.0 .*"));
        await Expect(Page.Locator("#device canvas").First).ToBeVisibleAsync();
        await Expect(Page.Locator("#overview canvas")).ToHaveCountAsync(2);
        await Expect(Page.Locator("#device .key.received")).Not.ToHaveTextAsync("received 0");
    }

    private static Regex Pattern(string text) => new(text, RegexOptions.None, TimeSpan.FromSeconds(10));
}
