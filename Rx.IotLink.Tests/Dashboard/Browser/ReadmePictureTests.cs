using System.Globalization;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Microsoft.Playwright;
using NUnit.Framework;
using Rx.IotLink.Tests.Security;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Dashboard.Browser;

/// <summary>
/// Takes docs/dashboard.png anew, and the same in the dark: real devices, of which some come and go for four minutes.
/// IOTLINK_PICTURES names the folder of the pictures; look at them, and keep the light one.
/// </summary>
public sealed class ReadmePictureTests : PageTest
{
    private static readonly TimeSpan Duration = TimeSpan.FromMinutes(4);

    private static readonly string[] Ids =
    [
        "greenhouse-east", "greenhouse-west", "boiler-room", "cold-store-3", "door-lab", "gate-north", "gate-south", "lift-b", "meter-0417", "meter-0418",
        "meter-0419", "meter-0420", "pump-1", "pump-2", "pump-3", "pump-4", "silo-1", "silo-2", "tank-7", "valve-12", "valve-13", "weather-roof", "wind-2",
    ];

    [Test]
    public async Task The_picture_of_the_README()
    {
        if (Environment.GetEnvironmentVariable("IOTLINK_PICTURES") is null)
            Assert.Ignore("IOTLINK_PICTURES names no folder for the pictures.");
        using var ending = new CancellationTokenSource(Duration);
        using var files = new TestFiles();
        var key = DeviceKeys.NewKey();
        var path = files.Write("keys", string.Concat(Ids.Select(id => $"{id} {key}\n")));
        await StartAsync(serverOptions: ServerOptions with { KeyFile = path, Expected = [.. Ids, "silo-3"], Timeout = TimeSpan.FromSeconds(2) });
        using var application = Server.Links.Subscribe(link => link.Lines.Subscribe(_ => { }));
        var living = Ids.Select((id, n) => LiveAsync(id, Convert.FromHexString(key), n, ending.Token)).ToArray();
        await Task.WhenAll(living);

        foreach (var scheme in new[] { ColorScheme.Dark, ColorScheme.Light })
        {
            await OpenAsync("#device=greenhouse-east", new() { ColorScheme = scheme, ViewportSize = new() { Width = 1240, Height = 820 } });
            await Page.GetByLabel("Send a line").FillAsync("""{"vent":"open"}""");
            await Button("Send").ClickAsync();
            await Expect(Page.Locator(".log li").First).ToContainTextAsync("accepted");
            await Button("Ping").ClickAsync();
            await Expect(Page.Locator(".log li").First).ToContainTextAsync("Round trip");
            await PictureAsync(scheme == ColorScheme.Dark ? "dashboard-dark" : "dashboard");
            if (scheme == ColorScheme.Dark)
                await Page.Context.CloseAsync();
        }
    }

    /// <summary>
    /// A device with readings. Some leave for seconds, again and again. The first one is there at the end.
    /// </summary>
    private async Task LiveAsync(string id, byte[] key, int n, CancellationToken ending)
    {
        var random = new Random(n);
        // Its application accepts what it gets.
        IotLinkClient NewClient()
        {
            var started = StartClient(ClientOptions(Server.EndPoint, id) with { Key = key });
            started.Lines.Subscribe(_ => { });
            return started;
        }

        while (true)
        {
            var client = NewClient();
            var rate = TimeSpan.FromMilliseconds(random.Next(300, 3_000));
            // A reading that comes when the device leaves is refused.
            var readings = Observable.Interval(rate).Do(_ => client.Writer.OnNext(string.Create(
                CultureInfo.InvariantCulture, $"{{\"celsius\":{20 + (random.NextDouble() * 2):0.00},\"rssi\":{-random.Next(40, 80)},\"battery\":{3.3 + (random.NextDouble() / 2):0.00}}}")))
                .Subscribe(_ => { }, _ => { });
            var stays = n == 1 ? Duration - TimeSpan.FromSeconds(18) : n % 4 == 0 ? TimeSpan.FromSeconds(random.Next(30, 90)) : Duration;
            if (await EndsWithinAsync(stays, ending))
                return;
            readings.Dispose();
            await client.DisposeAsync();
            if (n == 1 || await EndsWithinAsync(TimeSpan.FromSeconds(random.Next(6, 14)), ending))
            {
                if (n == 0)
                    await NewClient().WaitUntilUpAsync(CancellationToken.None).Within();
                return;
            }
        }
    }

    private static async Task<bool> EndsWithinAsync(TimeSpan time, CancellationToken ending)
    {
        try
        {
            await Observable.Timer(time).ToTask(ending);
            return false;
        }
        catch (OperationCanceledException)
        {
            return true;
        }
    }
}
