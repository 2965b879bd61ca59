using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Rx.IotLink.Dashboard;

/// <summary>
/// Lets a request in, or says why not. A page of a stranger that a browser of this machine shows must not reach the
/// endpoint: so a foreign <c>Host</c> or <c>Origin</c> is refused. Without a token or a policy only this machine is
/// answered, and not through a proxy, behind which everybody looks like this machine.
/// </summary>
internal sealed class Guard(IotLinkDashboardOptions options)
{
    private static readonly string[] OfProxies = ["Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"];

    private readonly byte[]? token = options.Token is { } given ? SHA256.HashData(Encoding.UTF8.GetBytes(given)) : null;

    /// <summary>Null: it is let in; otherwise the status and a sentence.</summary>
    public (int Status, string Why)? Fault(HttpContext context)
    {
        var request = context.Request;
        if (FaultOfFile(context) is { } fault)
            return fault;
        if (!IsOwnOrigin(request))
            return (StatusCodes.Status403Forbidden, "It may not be used by a page of another origin.");
        if (token is null || IsToken(request.Headers.Authorization.ToString()))
            return null;
        context.Response.Headers.WWWAuthenticate = "Bearer";
        return (StatusCodes.Status401Unauthorized, "The token is missing or wrong.");
    }

    /// <summary>
    /// The same for a file of the page, which holds nothing of the fleet. A page of others may lead to it, and who has
    /// not signed in needs it to sign in.
    /// </summary>
    public (int Status, string Why)? FaultOfFile(HttpContext context)
    {
        if (options.IsForThisMachine && (!IsOfThisMachine(context.Connection.RemoteIpAddress) || OfProxies.Any(context.Request.Headers.ContainsKey)))
            return (StatusCodes.Status403Forbidden, "Only this machine is answered, and through no proxy: no token is set.");
        return MayBeAskedAs(context.Request.Host.Host)
            ? null
            : (StatusCodes.Status403Forbidden, "It may not be asked for under this name (Host).");
    }

    private static bool IsOfThisMachine(IPAddress? address) =>
        address is not null && IPAddress.IsLoopback(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address);

    private bool MayBeAskedAs(string host) =>
        options.AllowedHosts.Count > 0 ? options.AllowedHosts.Contains(host, StringComparer.OrdinalIgnoreCase)
        : !options.IsForThisMachine || host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));

    private static bool IsOwnOrigin(HttpRequest request)
    {
        // A browser says this itself, and a page cannot change it.
        if (request.Headers["Sec-Fetch-Site"].ToString() is "cross-site" or "same-site")
            return false;
        var origin = request.Headers.Origin.ToString();
        return origin.Length == 0
            || (Uri.TryCreate(origin, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"
                && uri.Host.Equals(request.Host.Host, StringComparison.OrdinalIgnoreCase)
                // Without a port: the one of the scheme, which a proxy may have changed.
                && uri.Port == (request.Host.Port ?? (uri.Scheme == "https" ? 443 : 80)));
    }

    /// <summary>The digests are compared: the time says nothing about the token.</summary>
    private bool IsToken(string authorization)
    {
        const string Scheme = "Bearer ";
        return authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            && CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(authorization[Scheme.Length..].Trim())), token);
    }
}
