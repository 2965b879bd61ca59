using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Server;

/// <summary>A connection of Kestrel's, seen as a link sees it.</summary>
internal sealed class KestrelConnection(ConnectionContext context) : IConnection
{
    public PipeReader Input => context.Transport.Input;

    public PipeWriter Output => context.Transport.Output;

    public EndPoint? RemoteEndPoint { get; } = Plain(context.RemoteEndPoint);

    public void Dispose() => context.Abort(new ConnectionAbortedException("The link has let go of this connection."));

    // An IPv4 address that came in on an IPv6 socket is still an IPv4 address to a person.
    private static EndPoint? Plain(EndPoint? remote) => remote is IPEndPoint { Address.IsIPv4MappedToIPv6: true } ip
        ? new IPEndPoint(ip.Address.MapToIPv4(), ip.Port)
        : remote;
}
