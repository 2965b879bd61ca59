using Microsoft.Playwright;
using NUnit.Framework;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Dashboard.Browser;

/// <summary>What devices send is text and nothing more, and only those who may use the page do so.</summary>
public sealed class HostilePageTests : PageTest
{
    private const string Markup = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script><b>%2F/&amp;";

    [Test]
    public async Task Markup_in_an_id_and_in_a_line_is_shown_as_text()
    {
        await StartAsync(Often, serverOptions: ServerOptions with { IdPattern = ".*" });
        using var application = Server.Links.Subscribe(link => link.Lines.Subscribe(_ => { }));
        var device = await DeviceAsync(Markup);
        await device.WriteAsync(Markup).Within();
        await OpenAsync($"#device={Uri.EscapeDataString(Markup)}");

        await Expect(Row(Markup)).ToBeVisibleAsync();
        await Expect(Page.Locator("#device-id")).ToHaveTextAsync(Markup);
        await Expect(Page.Locator(".lines .text")).ToHaveTextAsync(Markup);
        await Page.GetByLabel("Send a line").FillAsync(Markup);
        await Button("Send").ClickAsync();
        await Expect(Page.Locator(".log li").First).ToContainTextAsync(Markup);
        await Button("Forget…").ClickAsync();
        await Expect(Page.Locator("#confirm-title")).ToHaveTextAsync($"Forget {Markup}?");
        Assert.That(await Page.Locator("img, #rows script, #device script, iframe").CountAsync(), Is.Zero);
        Assert.That(await Page.TitleAsync(), Is.EqualTo("IotLink fleet"));
    }

    /// <summary>No id may have such characters; a line may.</summary>
    [Test]
    public async Task What_cannot_be_seen_or_turns_text_round_is_made_visible()
    {
        await StartAsync(Often);
        using var application = Server.Links.Subscribe(link => link.Lines.Subscribe(_ => { }));
        var device = await DeviceAsync("pump-1");
        await device.WriteAsync("pump\u202e1-\u200b\u0007\u00a0\ufeff").Within();
        await OpenAsync("#device=pump-1");

        await Expect(Page.Locator(".lines .text")).ToHaveTextAsync("pump\\u202e1-\\u200b\\u0007\\u00a0\\ufeff");
    }

    /// <summary>The policy of the page itself refuses what a mistake of ours would let through.</summary>
    [Test]
    public async Task The_page_cannot_make_html_or_run_scripts_of_others()
    {
        Expected = "";
        await StartAsync(Often);
        await OpenAsync();

        const string MakesHtml = "() => { try { document.body.innerHTML = '<b>x</b>'; return 'made'; } catch (e) { return e.name; } }";
        Assert.That(await Page.EvaluateAsync<string>(MakesHtml), Is.EqualTo("TypeError"));
        const string RunsText = "() => { const s = document.createElement('script'); try { s.text = \"document.title='owned'\"; document.body.append(s); } catch { } return document.title; }";
        Assert.That(await Page.EvaluateAsync<string>(RunsText), Is.EqualTo("IotLink fleet"));
        const string Asks = "() => fetch('https://192.0.2.1/').then(() => 'asked', e => e.name)";
        Assert.That(await Page.EvaluateAsync<string>(Asks), Is.EqualTo("TypeError"));
    }

    [Test]
    public async Task With_a_token_the_page_asks_for_it_and_forgets_it()
    {
        Expected = "401";
        await StartAsync(Often with { Token = Token });
        using var peer = await JoinAsync(Server, "pump-1");
        await OpenAsync();

        await Expect(Page.GetByRole(AriaRole.Dialog, new() { Name = "Sign in" })).ToBeVisibleAsync();
        await Expect(Page.Locator("#rows tr")).ToHaveCountAsync(0);
        await Page.Keyboard.PressAsync("Escape");
        await Page.GetByLabel("Token of this server").FillAsync("not-the-token-of-it");
        await Page.Keyboard.PressAsync("Enter");
        await Expect(Page.Locator("#sign-in-fault")).ToHaveTextAsync("The token is missing or wrong.");
        await Page.GetByLabel("Token of this server").FillAsync(Token);
        await Page.Keyboard.PressAsync("Enter");
        await Expect(Row("pump-1")).ToBeVisibleAsync();
        await Page.ReloadAsync();
        await Expect(Row("pump-1")).ToBeVisibleAsync();
        Assert.That(Page.Url, Does.Not.Contain(Token));
        Assert.That(await Page.EvaluateAsync<int>("() => localStorage.length + document.cookie.length"), Is.Zero);

        await Button("pump-1").ClickAsync();
        await Button("Kick").ClickAsync();
        await Expect(Page.Locator(".log li").First).ToContainTextAsync("Disconnected");
        await Button("Sign out").ClickAsync();
        await Expect(Page.GetByRole(AriaRole.Dialog, new() { Name = "Sign in" })).ToBeVisibleAsync();
        Assert.That(await Page.EvaluateAsync<int>("() => sessionStorage.length"), Is.Zero);
    }
}
