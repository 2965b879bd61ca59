using System.Reactive.Linq;
using Microsoft.Playwright;
using NUnit.Framework;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Dashboard.Browser;

/// <summary>The fleet at a glance, and finding a device in it.</summary>
public sealed class FleetPageTests : PageTest
{
    [Test]
    public async Task A_device_that_goes_down_is_seen_with_the_reason_and_the_states_are_counted()
    {
        await StartAsync(Often);
        await DeviceAsync("pump-1");
        using var second = await JoinAsync(Server, "pump-2");
        await OpenAsync();

        await Expect(Row("pump-1").Locator(".state")).ToHaveTextAsync("up");
        await Expect(Page.Locator("#tiles .tile.up strong")).ToHaveTextAsync("2");
        await Expect(Page.Locator("#connection")).ToHaveTextAsync("Live");
        second.Dispose();
        await Expect(Row("pump-2").Locator(".state")).ToHaveTextAsync("down");
        await Expect(Row("pump-2").Locator(".c-why")).ToContainTextAsync("closed by peer");
        await Expect(Page.Locator("#tiles .tile.up strong")).ToHaveTextAsync("1");
        await Expect(Page.Locator("#tiles .tile.down strong")).ToHaveTextAsync("1");
        await DeviceAsync("pump-3");
        await Expect(Row("pump-3").Locator(".state")).ToHaveTextAsync("up");
    }

    [Test]
    public async Task Devices_are_filtered_by_state_searched_and_sorted_and_the_address_holds_that()
    {
        await StartAsync(Often);
        foreach (var id in (string[])["pump-1", "pump-2", "valve-1"])
            await DeviceAsync(id);
        using (await JoinAsync(Server, "valve-2"))
        {
            // It is gone at once.
        }

        await OpenAsync();
        await Page.GetByLabel("Search").FillAsync("VALVE");
        await Expect(Page.Locator("#rows tr")).ToHaveCountAsync(2);
        await Page.Locator("#tiles .tile.down").ClickAsync();
        await Expect(Page.Locator("#rows tr")).ToHaveCountAsync(1);
        await Expect(Row("valve-2")).ToBeVisibleAsync();
        await Expect(Page.Locator("#tiles .tile.down")).ToHaveAttributeAsync("aria-pressed", "true");
        Assert.That(Page.Url, Does.EndWith("#q=VALVE&state=down"));

        await Page.ReloadAsync();
        await Expect(Page.Locator("#rows tr")).ToHaveCountAsync(1);
        await Page.GetByLabel("Search").FillAsync("closed");
        await Expect(Row("valve-2")).ToBeVisibleAsync();
        await Page.GetByLabel("Search").FillAsync("nothing like this");
        await Expect(Page.GetByText("No device matches.")).ToBeVisibleAsync();
        await Page.Locator("#tiles .tile.all").ClickAsync();
        await Page.GetByLabel("Search").FillAsync("");
        await Expect(Page.Locator("#rows tr")).ToHaveCountAsync(4);
        await Page.GetByLabel("Sort by").SelectOptionAsync("down first");
        await Expect(Page.Locator("#rows tr").First).ToContainTextAsync("valve-2");
        await Button("Device").ClickAsync();
        await Button("Device").ClickAsync();
        await Expect(Page.Locator("th[aria-sort=descending]")).ToHaveTextAsync("Device");
        await Expect(Page.Locator("#rows tr").Nth(3)).ToContainTextAsync("pump-1");
    }

    [Test]
    public async Task Refusals_health_and_devices_that_are_missing_are_shown()
    {
        await StartAsync(Often, serverOptions: ServerOptions with { Expected = ["pump-1", "pump-2"], UnknownIds = IotLink.Server.UnknownIdPolicy.Refuse });
        await DeviceAsync("pump-1");
        using var stranger = await ConnectAsync(Server, "stranger");
        await stranger.HearToEndAsync();
        await OpenAsync();

        await Expect(Page.Locator("#health")).ToHaveTextAsync("1 expected device is not up");
        await Page.Locator("#missing summary").ClickAsync();
        await Expect(Page.Locator("#missing li")).ToHaveTextAsync("pump-2");
        await Page.Locator("#refusals summary").ClickAsync();
        await Expect(Page.Locator("#refusals li")).ToHaveTextAsync("unknown id: 1");
        await DeviceAsync("pump-2");
        await Expect(Page.Locator("#health")).ToHaveTextAsync("healthy");
        await Expect(Page.Locator("#missing")).ToBeHiddenAsync();
    }

    /// <summary>Ten thousand links that are real; their devices have not come yet.</summary>
    [Test]
    public async Task Ten_thousand_devices_are_pages_of_fifty_and_a_search_finds_one()
    {
        var ids = Enumerable.Range(0, 10_000).Select(i => $"device-{i:0000}").ToList();
        await StartAsync(Often, serverOptions: ServerOptions with { Expected = ids });
        await Task.WhenAll(ids.Select(id => Server.OpenAsync(id)));
        await DeviceAsync("device-4711");
        await OpenAsync();

        await Expect(Page.Locator("#tiles .tile.all strong")).ToHaveTextAsync("10,000");
        await Expect(Page.Locator("#tiles .tile.connecting strong")).ToHaveTextAsync("9,999");
        await Expect(Page.Locator("#rows tr")).ToHaveCountAsync(50);
        await Button("Next").ClickAsync();
        await Expect(Row("device-0050")).ToBeVisibleAsync();
        await Expect(Page.Locator("#page")).ToHaveTextAsync("Page 2 of 200");
        await Page.GotoAsync($"{Address}#page=200");
        await Expect(Row("device-9999")).ToBeVisibleAsync();
        await Expect(Button("Next")).ToBeDisabledAsync();
        await Page.GetByLabel("Search").FillAsync("4711");
        await Expect(Page.Locator("#rows tr")).ToHaveCountAsync(1);
        await Expect(Row("device-4711").Locator(".state")).ToHaveTextAsync("up");
        await PictureAsync("ten-thousand-search");
        await Page.GetByLabel("Search").FillAsync("");
        await Expect(Page.Locator("#rows tr")).ToHaveCountAsync(50);
        await PictureAsync("ten-thousand");
        Assert.That(await Page.Locator("*").CountAsync(), Is.LessThan(1_000), "elements, not one for each device");
    }

    [Test]
    public async Task When_the_server_does_not_answer_the_page_says_so_and_it_recovers()
    {
        Expected = "Failed to load resource";
        await StartAsync(Often);
        await DeviceAsync("pump-1");
        await OpenAsync();
        await Expect(Row("pump-1")).ToBeVisibleAsync();

        await Page.Context.SetOfflineAsync(true);
        // A stream that is there stays; the next one cannot be opened.
        await Page.GetByLabel("Search").FillAsync("pump");
        await Expect(Page.Locator("#fault")).ToContainTextAsync("The server does not answer.");
        await Expect(Page.Locator("#connection")).ToHaveTextAsync("Not connected");
        await Page.Context.SetOfflineAsync(false);
        await Expect(Page.Locator("#connection")).ToHaveTextAsync("Live");
        await Expect(Page.Locator("#fault")).ToBeHiddenAsync();
    }
}
