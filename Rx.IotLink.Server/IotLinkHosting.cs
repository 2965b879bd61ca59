using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;

namespace Rx.IotLink.Server;

/// <summary>Gives the connections of an endpoint of ASP.NET Core to a server.</summary>
public static class IotLinkHosting
{
    /// <summary>
    /// Serves the connections of a Kestrel endpoint with the host's <see cref="IotLinkServer"/>. Terminal: there is no
    /// HTTP on that endpoint. The server then stops as soon as the host begins to stop, before the host's services are
    /// stopped. If the device is writing when the connection ends, Kestrel may reset the connection. The device then
    /// counts an outage, since it does not receive the server's farewell.
    /// </summary>
    public static IConnectionBuilder UseIotLink(this IConnectionBuilder endpoint)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        var server = endpoint.ApplicationServices.GetRequiredService<IotLinkServer>();
        server.HasGuestEndPoints = true;
        return endpoint.UseProxyProtocol().Run(server.ServeAsync);
    }

    /// <summary>
    /// Reads the PROXY header of connections that come from <see cref="IotLinkServerOptions.TrustedProxies"/>, on a
    /// Kestrel endpoint. With TLS it must be called before <c>UseHttps</c>; without TLS, <see cref="UseIotLink"/> does
    /// it.
    /// </summary>
    public static IConnectionBuilder UseProxyProtocol(this IConnectionBuilder endpoint)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        var server = endpoint.ApplicationServices.GetRequiredService<IotLinkServer>();
        return endpoint.Use(next => connection => server.Proxies.PassAsync(connection, next));
    }
}
