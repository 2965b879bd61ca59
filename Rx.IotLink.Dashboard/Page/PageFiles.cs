using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Net.Http.Headers;

namespace Rx.IotLink.Dashboard;

/// <summary>
/// The files of the page, from the assembly. They hold nothing of the fleet, so a token is not asked for: the page
/// itself asks for it. A policy is asked for, so that a browser is led to the sign-in of the application.
/// </summary>
internal static class PageFiles
{
    /// <summary>
    /// Only files of this origin, and no HTML that a script has made of a text: neither an id nor a line can become
    /// more than text.
    /// </summary>
    private const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        + "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

    private const string Prefix = "page/";

    private static readonly string[] Methods = [HttpMethods.Get, HttpMethods.Head];

    public static void Map(RouteGroupBuilder group, Guard guard)
    {
        var assembly = typeof(PageFiles).Assembly;
        foreach (var resource in assembly.GetManifestResourceNames().Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            var name = resource[Prefix.Length..];
            using var content = assembly.GetManifestResourceStream(resource)!;
            var bytes = new byte[content.Length];
            content.ReadExactly(bytes);
            var answer = Answer(name, bytes, guard);
            // A lambda, and not the delegate itself: the generator must see its type.
            group.MapMethods(name == "index.html" ? "/" : $"/{name}", Methods, (HttpContext context) => answer(context)).ExcludeFromDescription();
        }
    }

    private static Func<HttpContext, IResult> Answer(string name, byte[] bytes, Guard guard)
    {
        var tag = new EntityTagHeaderValue($"\"{Convert.ToHexString(SHA256.HashData(bytes)[..16])}\"");
        return context =>
        {
            if (guard.FaultOfFile(context) is var (status, why))
                return Problems.Of(status, why);
            // Otherwise the other files would be looked for beside the page, and not below it.
            var path = context.Request.Path.Value ?? "";
            if (name == "index.html" && !path.EndsWith('/'))
                return Results.Redirect($"{path[(path.LastIndexOf('/') + 1)..]}/{context.Request.QueryString}");
            var headers = context.Response.Headers;
            (headers.ContentSecurityPolicy, headers.XContentTypeOptions, headers.XFrameOptions) = (ContentSecurityPolicy, "nosniff", "DENY");
            headers["Referrer-Policy"] = "no-referrer";
            headers["Cross-Origin-Opener-Policy"] = "same-origin";
            headers.CacheControl = "no-cache";
            return Results.Bytes(bytes, TypeOf(name), entityTag: tag);
        };
    }

    private static string TypeOf(string name) => Path.GetExtension(name) switch
    {
        ".html" => "text/html; charset=utf-8",
        ".css" => "text/css; charset=utf-8",
        ".js" => "text/javascript; charset=utf-8",
        ".svg" => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    };
}
