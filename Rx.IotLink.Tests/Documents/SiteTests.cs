using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Logging;
using Microsoft.Playwright;
using NUnit.Framework;
using Rx.IotLink.Tests.Dashboard.Browser;
using Rx.IotLink.Tests.House;
using Rx.IotLink.Tests.Processes;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Documents;

/// <summary>
/// <c>docs/build</c> makes a site without a warning: with each page, with links that lead somewhere, and with diagrams
/// that a browser draws. The reference of the API is left out, which takes minutes.
/// </summary>
[Parallelizable(ParallelScope.Self)]
[Platform("Linux")]
public sealed partial class SiteTests
{
    private static readonly string[] Documents =
    [
        .. Directory.EnumerateFiles(Repository.Root, "*.md"),
        .. Directory.EnumerateFiles(Path.Combine(Repository.Root, "docs"), "*.md", SearchOption.AllDirectories).Where(page => !page.Contains("/site/", StringComparison.Ordinal)),
    ];

    private string site = "";

    [OneTimeSetUp]
    public async Task BuildAsync()
    {
        site = Directory.CreateTempSubdirectory("iotlink-site-").FullName;
        var built = await Dotnet.RunAsync(Path.Combine(Repository.Root, "docs", "build"), Repository.Root, [], "--no-api", "--to", site);
        Assert.That(built.Exit, Is.Zero, built.ToString());
    }

    [OneTimeTearDown]
    public void CleanUp() => Directory.Delete(site, recursive: true);

    [Test]
    public void Each_document_is_a_page() => Assert.That(Documents.Select(PageOf).Where(page => !File.Exists(Path.Combine(site, page))), Is.Empty);

    [Test]
    public void Each_link_of_a_page_leads_to_a_file()
    {
        var links =
            from page in Documents.Select(PageOf).Append("index.html")
            from Match link in Link().Matches(File.ReadAllText(Path.Combine(site, page)))
            let target = Uri.UnescapeDataString(link.Groups["to"].Value)
            where target.Length > 0 && !target.Contains(':', StringComparison.Ordinal)
            select (page, target);
        var all = links.ToList();

        Assert.That(all, Has.Count.GreaterThan(500));
        Assert.That(all.Where(link => !File.Exists(Path.GetFullPath(Path.Combine(site, Path.GetDirectoryName(link.page)!, link.target)))), Is.Empty);
    }

    /// <summary>The contents at the side name each page, but for the single decisions.</summary>
    [Test]
    public void The_contents_name_each_page()
    {
        var contents = File.ReadAllText(Path.Combine(site, "toc.html"));
        var pages = Documents.Select(PageOf).Where(page => !page.StartsWith("docs/adr/0", StringComparison.Ordinal) && page != "docs/README.html");

        Assert.That(pages.Where(page => !contents.Contains($"\"{page}\"", StringComparison.Ordinal)), Is.Empty);
    }

    [Test]
    public async Task A_browser_draws_each_diagram()
    {
        var drawn = Documents.ToDictionary(PageOf, page => Diagram().Count(File.ReadAllText(page))).Where(page => page.Value > 0).ToDictionary();
        Assert.That(drawn.Keys, Is.SupersetOf(Drawn.Select(page => $"docs/{page}.html")));
        await using var host = await ServeAsync();
        var (playwright, chromium) = await Chromium.LaunchAsync();
        using var driver = playwright;
        await using var ended = chromium;
        await using var context = await chromium.NewContextAsync();
        context.SetDefaultTimeout((float)Bound.Limit.TotalMilliseconds);
        var browser = await context.NewPageAsync();
        foreach (var (page, diagrams) in drawn)
        {
            await browser.GotoAsync($"{host.Urls.First()}/{page}");
            await Assertions.Expect(browser.Locator(".mermaid > svg")).ToHaveCountAsync(diagrams, new() { Timeout = (float)Bound.Limit.TotalMilliseconds });
            Assert.That(await browser.ContentAsync(), Does.Not.Contain("Syntax error in text"), page);
        }
    }

    /// <summary>Pages where a reader would draw something.</summary>
    private static string[] Drawn => ["ARCHITECTURE", "bridge", "cluster", "delivery", "durability", "fleet", "request-response", "security"];

    private static string PageOf(string document) => Path.ChangeExtension(Path.GetRelativePath(Repository.Root, document), "html");

    private async Task<WebApplication> ServeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        app.UseStaticFiles(new StaticFileOptions { FileProvider = new PhysicalFileProvider(site) });
        await app.StartAsync();
        return app;
    }

    [GeneratedRegex("(?:href|src)=\"(?<to>[^\"#?]*)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Link();

    [GeneratedRegex("^ *```mermaid", RegexOptions.Multiline, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Diagram();
}
