using System.Net;
using System.Net.Http.Headers;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using NUnit.Framework;
using Rx.IotLink.Dashboard;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Dashboard;

/// <summary>Who may use the control endpoint: everybody else is refused before anything is done.</summary>
public sealed class GuardTests : DashboardTest
{
    private static readonly string[] Paths = ["api/devices", "api/devices/1", "api/summary", "api/events", "health", "api/nothing"];

    [Test]
    public async Task With_a_token_each_address_wants_it()
    {
        await StartAsync(new() { Token = Token });
        await JoinAsync(Server);
        foreach (var path in Paths)
        {
            foreach (var header in (string?[])[null, "Bearer", "Bearer wrong-token-of-some-length", $"Bearer {Token}x", $"Basic {Token}", $"{Token}"])
                Assert.That((await AskAsync(HttpMethod.Get, path, change: r => Authorize(r, header))).Status, Is.EqualTo(401), $"{path} {header}");
        }

        Assert.That((await AskAsync(HttpMethod.Delete, "api/devices/1")).Status, Is.EqualTo(401));
        Assert.That((await AskAsync(HttpMethod.Post, "api/devices/1/lines", new { line = "x" })).Status, Is.EqualTo(401));
        Assert.That(Server.GetConnection("1"), Is.Not.Null.And.Property("IsUp").True);
        Assert.That((await AskAsync(HttpMethod.Get, "api/devices", change: r => Authorize(r, $"Bearer {Token}"))).Status, Is.EqualTo(200));
        Assert.That((await AskAsync(HttpMethod.Delete, "api/devices/1", change: r => Authorize(r, $"bearer {Token}"))).Status, Is.EqualTo(204));
    }

    [TestCase("Host", "evil.example", 403)]
    [TestCase("Host", "localhost.evil.example", 403)]
    [TestCase("Host", "192.168.0.10", 403)]
    [TestCase("Host", "localhost:1", 200)]
    [TestCase("Host", "127.0.0.1", 200)]
    [TestCase("Host", "[::1]:5", 200)]
    [TestCase("Origin", "https://evil.example", 403)]
    [TestCase("Origin", "null", 403)]
    [TestCase("Origin", "http://127.0.0.1:1", 403)]
    [TestCase("Sec-Fetch-Site", "cross-site", 403)]
    [TestCase("Sec-Fetch-Site", "same-site", 403)]
    [TestCase("Sec-Fetch-Site", "same-origin", 200)]
    [TestCase("X-Forwarded-For", "10.0.0.1", 403)]
    [TestCase("Forwarded", "for=10.0.0.1", 403)]
    public async Task Without_a_token_a_foreign_host_origin_or_proxy_is_refused(string header, string value, int status)
    {
        await StartAsync();
        foreach (var path in Paths[..3].Append("health"))
        {
            var answer = await AskAsync(HttpMethod.Get, path, change: r => r.Headers.TryAddWithoutValidation(header, value));
            Assert.That(answer.Status, Is.EqualTo(status).Or.EqualTo(status == 200 && path == "api/devices/1" ? 404 : status), path);
        }

        Assert.That((await AskAsync(HttpMethod.Get, "api/devices", change: r => r.Headers.TryAddWithoutValidation("Origin", Address.GetLeftPart(UriPartial.Authority)))).Status, Is.EqualTo(200), "its own origin");
    }

    [Test]
    public async Task With_a_token_a_foreign_origin_is_refused_all_the_same_and_hosts_can_be_named()
    {
        await StartAsync(new() { Token = Token, AllowedHosts = ["fleet.example"] });

        Assert.That((await AskAsync(HttpMethod.Get, "health", change: r => Ask(r, "fleet.example:80", "https://evil.example"))).Status, Is.EqualTo(403));
        Assert.That((await AskAsync(HttpMethod.Get, "health", change: r => Ask(r, "other.example", null))).Status, Is.EqualTo(403));
        Assert.That((await AskAsync(HttpMethod.Get, "health", change: r => Ask(r, "FLEET.example:80", "http://fleet.example:80"))).Status, Is.EqualTo(200));

        static void Ask(HttpRequestMessage request, string host, string? origin)
        {
            Authorize(request, $"Bearer {Token}");
            request.Headers.Host = host;
            if (origin is not null)
                request.Headers.TryAddWithoutValidation("Origin", origin);
        }
    }

    [Test]
    public async Task Without_a_token_another_machine_is_refused()
    {
        IPAddress? from = null;
        await StartAsync(use: app => app.Use((context, next) =>
        {
            context.Connection.RemoteIpAddress = from;
            return next(context);
        }));

        foreach (var (address, status) in ((IPAddress?, int)[])[(IPAddress.Parse("192.0.2.7"), 403), (IPAddress.Parse("::ffff:192.0.2.7"), 403), (null, 403), (IPAddress.Parse("::ffff:127.0.0.1"), 200), (IPAddress.IPv6Loopback, 200)])
        {
            from = address;
            Assert.That((await AskAsync(HttpMethod.Get, "health")).Status, Is.EqualTo(status), $"{address}");
        }
    }

    [Test]
    public async Task Policies_of_the_application_decide_who_reads_and_who_acts()
    {
        await StartAsync(
            new() { ReadPolicy = "read", ActPolicy = "act" },
            build: builder =>
            {
                builder.Services.AddAuthentication("test").AddScheme<AuthenticationSchemeOptions, ByHeader>("test", null);
                builder.Services.AddAuthorizationBuilder().AddPolicy("read", p => p.RequireRole("reader", "operator")).AddPolicy("act", p => p.RequireRole("operator"));
            },
            use: app =>
            {
                app.UseStatusCodePages();
                app.UseAuthentication();
                app.UseAuthorization();
            });
        await JoinAsync(Server);

        Assert.That(await StatusAsync(HttpMethod.Get, "api/devices", null), Is.EqualTo(401));
        Assert.That(await StatusAsync(HttpMethod.Get, "api/devices", "reader"), Is.EqualTo(200));
        foreach (var path in (string[])["", "app.js", "api/page"])
            Assert.That(await StatusAsync(HttpMethod.Get, path, null), Is.EqualTo(401), $"'{path}': a browser is led to the sign-in of the application");
        using var page = new HttpRequestMessage(HttpMethod.Get, "");
        page.Headers.Add("Role", "reader");
        using var shown = await Http.SendAsync(page);
        Assert.That(shown.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await StatusAsync(HttpMethod.Delete, "api/devices/1", "reader"), Is.EqualTo(403));
        Assert.That(await StatusAsync(HttpMethod.Delete, "api/devices/1", "operator"), Is.EqualTo(204));

        async Task<int> StatusAsync(HttpMethod method, string path, string? role) => (await AskAsync(method, path, change: r =>
        {
            if (role is not null)
                r.Headers.Add("Role", role);
        })).Status;
    }

    private static void Authorize(HttpRequestMessage request, string? header)
    {
        if (header is not null)
            request.Headers.TryAddWithoutValidation("Authorization", header);
    }

    private sealed class ByHeader(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, System.Text.Encodings.Web.UrlEncoder encoder)
        : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
    {
        protected override Task<AuthenticateResult> HandleAuthenticateAsync()
        {
            var role = Request.Headers["Role"].ToString();
            if (role.Length == 0)
                return Task.FromResult(AuthenticateResult.NoResult());
            var identity = new System.Security.Claims.ClaimsIdentity([new(System.Security.Claims.ClaimTypes.Role, role)], "test");
            return Task.FromResult(AuthenticateResult.Success(new(new(identity), Scheme.Name)));
        }
    }
}
