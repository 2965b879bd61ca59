using Microsoft.Playwright;
using NUnit.Framework;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Dashboard.Browser;

/// <summary>By keyboard, on a telephone, in the dark, and for those who hear the page.</summary>
public sealed class LookPageTests : PageTest
{
    private static readonly ViewportSize Phone = new() { Width = 360, Height = 740 };

    [Test]
    public async Task All_of_it_is_done_by_keyboard()
    {
        await StartAsync(Often);
        var device = await DeviceAsync("pump-1");
        await DeviceAsync("pump-2");
        await OpenAsync();
        await Expect(Row("pump-1")).ToBeVisibleAsync();

        await Page.Keyboard.PressAsync("/");
        await Page.Keyboard.TypeAsync("pump-1");
        await Expect(Page.Locator("#rows tr")).ToHaveCountAsync(1);
        await Button("pump-1").FocusAsync();
        await Page.Keyboard.PressAsync("Enter");
        await Expect(Page.Locator("#device-id")).ToBeFocusedAsync();
        await Page.Keyboard.PressAsync("Tab");
        await Expect(Button("Close")).ToBeFocusedAsync();
        await Page.Keyboard.PressAsync("Tab");
        var got = device.ReadLineAsync();
        await Page.Keyboard.TypeAsync("/ is no search here");
        await Page.Keyboard.PressAsync("Enter");
        Assert.That(await got.Within(), Is.EqualTo("/ is no search here"));
        await Expect(Page.Locator(".log li").First).ToContainTextAsync("accepted");
        await Page.Keyboard.PressAsync("Escape");
        await Expect(Page.Locator("#device")).ToBeHiddenAsync();
        await Expect(Button("pump-1")).ToBeFocusedAsync();
        await Page.GoBackAsync();
        await Expect(Page.Locator("#device-id")).ToHaveTextAsync("pump-1");
    }

    [Test]
    public async Task Everything_that_can_be_pressed_or_filled_has_a_name()
    {
        await StartAsync(Often);
        await DeviceAsync("pump-1");
        await OpenAsync("#device=pump-1");
        await Expect(Button("Kick")).ToBeVisibleAsync();

        const string Nameless = """
            () => [...document.querySelectorAll("button, input, select, section, table, [role=img], [role=group], dialog")].filter(e => {
              const by = (e.getAttribute("aria-labelledby") ?? "").split(" ").map(id => document.getElementById(id)?.textContent ?? "").join("");
              const name = (e.getAttribute("aria-label") ?? "") + by + [...(e.labels ?? [])].map(l => l.textContent).join("")
                + (e.matches("button") ? e.textContent : "") + (e.caption?.textContent ?? "");
              return name.trim() === "" && e.id !== "confirm-yes" && e.id !== "confirm";
            }).map(e => e.outerHTML.slice(0, 80))
            """;
        Assert.That(await Page.EvaluateAsync<string[]>(Nameless), Is.Empty);
        Assert.That(await Page.Locator("[id]").EvaluateAllAsync<string[]>("all => all.map(e => e.id)"), Is.Unique);
        Assert.That(await Page.EvaluateAsync<string>("() => document.documentElement.lang"), Is.EqualTo("en"));
    }

    [Test]
    public async Task On_a_telephone_nothing_is_wider_than_the_screen()
    {
        await StartAsync(Often);
        var long_ = new string('x', 60);
        await DeviceAsync(long_);
        using (await JoinAsync(Server, "pump-2"))
        {
            // It is gone at once.
        }

        await OpenAsync(options: new() { ViewportSize = Phone, IsMobile = true, HasTouch = true });
        await Expect(Row("pump-2").Locator(".c-why")).ToContainTextAsync("closed by peer");
        Assert.That(await OverflowAsync(), Is.Zero);
        await Button("pump-2").TapAsync();
        await Expect(Page.Locator("#device .why")).ToBeVisibleAsync();
        Assert.That(await OverflowAsync(), Is.Zero);
        await PictureAsync("telephone-device");
        var panel = (await Page.Locator("#device").BoundingBoxAsync())!;
        Assert.That(panel.Width, Is.EqualTo(Phone.Width));
        await Button("Close").TapAsync();
        await Expect(Page.Locator("#device")).ToBeHiddenAsync();
        await PictureAsync("telephone");
    }

    /// <summary>Text is read on its ground: at least 4.5 to 1, as WCAG asks.</summary>
    [TestCase(ColorScheme.Light)]
    [TestCase(ColorScheme.Dark)]
    public async Task Colours_follow_the_system_and_can_be_read(ColorScheme scheme)
    {
        await StartAsync(Often);
        await DeviceAsync("pump-1");
        using (await JoinAsync(Server, "pump-2"))
        {
            // It is gone at once.
        }

        await OpenAsync("#device=pump-2", new() { ColorScheme = scheme, ViewportSize = new() { Width = 1280, Height = 800 } });
        await Expect(Row("pump-2").Locator(".state")).ToHaveTextAsync("down");
        const string Contrast = """
            () => {
              const of = c => { const [r, g, b] = c.match(/[\d.]+/g).map(Number).map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
              const ground = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (!c.endsWith(", 0)")) return c; } };
              return [...document.querySelectorAll("header p, .tile span, .tile strong, .state, td, th button, .hint, dt, dd, .why, button, caption, figcaption, .log span")]
                .filter(e => e.offsetParent && e.textContent.trim() && !e.disabled)
                .map(e => { const [a, b] = [of(getComputedStyle(e).color), of(ground(e))]; return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.className, e.textContent.slice(0, 20)]; })
                .filter(([ratio]) => ratio < 4.5).map(String);
            }
            """;
        Assert.That(await Page.EvaluateAsync<string[]>(Contrast), Is.Empty);
        var back = await Page.EvaluateAsync<string>("() => getComputedStyle(document.body).backgroundColor");
        Assert.That(back, Is.EqualTo(scheme == ColorScheme.Dark ? "rgb(18, 22, 20)" : "rgb(245, 246, 244)"));
    }

    private Task<int> OverflowAsync() => Page.EvaluateAsync<int>("() => document.documentElement.scrollWidth - document.documentElement.clientWidth");
}
