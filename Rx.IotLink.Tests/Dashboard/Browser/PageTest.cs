using System.Collections.Concurrent;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using NUnit.Framework;
using Rx.IotLink.Dashboard;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Dashboard.Browser;

/// <summary>A test of the page as an operator sees it: a real browser, a real server, real devices.</summary>
public abstract class PageTest : DashboardTest
{
    private readonly ConcurrentQueue<string> faults = new();
    private IBrowserContext? context;

    private protected IPage Page { get; private set; } = null!;

    private protected static IotLinkDashboardOptions Often => new() { SummaryEvery = TimeSpan.FromMilliseconds(100) };

    /// <summary>Where the samples of the page are kept: a test takes one when it wants one.</summary>
    private protected FleetHistory History =>
        App.Services.GetRequiredService<EndpointDataSource>().Endpoints.Select(e => e.Metadata.GetMetadata<FleetHistory>()).OfType<FleetHistory>().First();

    /// <summary>What the page is expected to complain of: a part of each message.</summary>
    private protected string? Expected { get; set; }

    /// <summary>A script that fails, or breaks the policy of the page, fails the test.</summary>
    [TearDown]
    public async Task CloseAsync()
    {
        if (context is not null)
            await context.DisposeAsync().AsTask().Within();
        Assert.That(faults.Where(fault => Expected is null || !fault.Contains(Expected, StringComparison.Ordinal)), Is.Empty);
    }

    private protected async Task OpenAsync(string view = "", BrowserNewContextOptions? options = null)
    {
        var browser = await Chromium.GetAsync();
        context = await browser.NewContextAsync(options ?? new() { ViewportSize = new() { Width = 1280, Height = 800 } });
        context.SetDefaultTimeout((float)Bound.Limit.TotalMilliseconds);
        Page = await context.NewPageAsync();
        Page.PageError += (_, error) => faults.Enqueue(error);
        Page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning")
                faults.Enqueue(message.Text);
        };
        await Page.GotoAsync($"{Address}{view}");
    }

    private protected ILocator Row(string id) => Page.Locator("#rows tr").Filter(new() { Has = Page.GetByRole(AriaRole.Button, new() { Name = id, Exact = true }) });

    private protected ILocator Button(string name) => Page.GetByRole(AriaRole.Button, new() { Name = name, Exact = true });

    private protected static ILocatorAssertions Expect(ILocator locator) => Assertions.Expect(locator);

    /// <summary>A picture for people, in the folder of IOTLINK_PICTURES, if it is set.</summary>
    private protected async Task PictureAsync(string name)
    {
        if (Environment.GetEnvironmentVariable("IOTLINK_PICTURES") is { } folder)
            await Page.ScreenshotAsync(new() { Path = Path.Combine(folder, $"{name}.png") });
    }

    /// <summary>A real device; it prints nothing, and accepts what it gets.</summary>
    private protected async Task<IotLinkClient> DeviceAsync(string id, TimeSpan? timeout = null)
    {
        var device = StartClient(ClientOptions(Server.EndPoint, id) with { Timeout = timeout ?? Long });
        await device.WaitUntilUpAsync().Within();
        return device;
    }
}
