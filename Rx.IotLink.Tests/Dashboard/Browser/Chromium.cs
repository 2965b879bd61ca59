using System.Diagnostics;
using Microsoft.Playwright;
using NUnit.Framework;

namespace Rx.IotLink.Tests.Dashboard.Browser;

/// <summary>
/// One headless Chromium for all tests of the page: that of the system. Where it is missing, it is installed, if that
/// may be done.
/// </summary>
[SetUpFixture]
[Parallelizable(ParallelScope.Self)]
public sealed class Chromium
{
    private const string Install = "apt-get install --no-install-recommends chromium fonts-dejavu-core";

    // Installing takes a minute, and a busy machine longer.
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(4);

    private static readonly Lock Gate = new();

    // One start for all: if it fails, it fails each test at once.
    private static Task<IBrowser>? starting;
    private static IPlaywright? playwright;
    private static IBrowser? browser;

    internal static Task<IBrowser> GetAsync()
    {
        lock (Gate)
            return starting ??= Task.Run(StartAsync).WaitAsync(Bound);
    }

    [OneTimeTearDown]
    public async Task EndAsync()
    {
        if (browser is not null)
            await browser.DisposeAsync().AsTask().WaitAsync(Bound);
        playwright?.Dispose();
    }

    private static async Task<IBrowser> StartAsync()
    {
        (playwright, browser) = await LaunchAsync();
        return browser;
    }

    /// <summary>One of its own, for tests that are not in this folder: the caller disposes of both.</summary>
    internal static async Task<(IPlaywright Playwright, IBrowser Browser)> LaunchAsync()
    {
        var path = Find() ?? (MayInstall && await InstallAsync() ? Find() : null);
        if (path is null)
            Assert.Fail($"Chromium is not installed, and this user may not install it: {Install}");
        var started = await Playwright.CreateAsync();
        // Root has no sandbox of its own; only pages of these tests are opened.
        return (started, await started.Chromium.LaunchAsync(new() { ExecutablePath = path, Args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] }));
    }

    private static string? Find() =>
        Environment.GetEnvironmentVariable("PATH")!.Split(Path.PathSeparator)
            .SelectMany(folder => (string[])["chromium", "chromium-browser", "google-chrome"], (folder, name) => Path.Combine(folder, name))
            .FirstOrDefault(File.Exists);

    private static bool MayInstall => Environment.UserName == "root" && File.Exists("/usr/bin/apt-get");

    private static async Task<bool> InstallAsync()
    {
        using var process = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", $"apt-get update -qq && DEBIAN_FRONTEND=noninteractive {Install} -y -qq"])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        await Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return process.ExitCode == 0;
    }
}
