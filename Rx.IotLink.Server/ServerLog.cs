using System.Net;
using Microsoft.Extensions.Logging;

namespace Rx.IotLink.Server;

/// <summary>What a server logs. The ids of the events are part of its interface.</summary>
/// <param name="logger">One that never throws (<see cref="GuardedLogging"/>).</param>
internal sealed partial class ServerLog(ILogger logger)
{
    [LoggerMessage(1, LogLevel.Information, "Listening on {EndPoint}")]
    public partial void Listening(EndPoint endPoint);

    [LoggerMessage(2, LogLevel.Information, "Stopped; {Unfinished} written lines were not accepted")]
    public partial void Stopped(int unfinished);

    [LoggerMessage(3, LogLevel.Error, "A connection could not be accepted: {Detail}")]
    public partial void NotAccepted(string detail);

    [LoggerMessage(4, LogLevel.Warning, "At most {Room} connections are served at a time, not {MaxConnections}: the process may not open more files and sockets (ulimit -n)")]
    public partial void FewDescriptors(int room, int maxConnections);

    [LoggerMessage(5, LogLevel.Information, "{File} was read again: keys of {Devices} devices")]
    public partial void KeysRead(string file, int devices);

    [LoggerMessage(6, LogLevel.Error, "{File} was not read again, and the keys stay as they were: {Detail}")]
    public partial void KeysNotRead(string file, string detail);

    [LoggerMessage(7, LogLevel.Error, "The keys failed; links whose keys are revoked may stay up")]
    public partial void KeysFailed(Exception error);

    [LoggerMessage(10, LogLevel.Information, "{Id} connected for the first time, from {Remote}")]
    public partial void Joined(string id, EndPoint? remote);

    [LoggerMessage(11, LogLevel.Warning, "{Id}, from {Remote}, is not expected; it is served all the same")]
    public partial void UnknownId(string id, IPAddress? remote);

    [LoggerMessage(12, LogLevel.Warning, "{Id} came from {Remote}, before from {Before}")]
    public partial void AddressChanged(string id, IPAddress? before, IPAddress? remote);

    public void Refused(EndPoint? remote, string id, RefusedException refused)
    {
        if (refused.InnerException is { } cause)
            RefusedByError(remote, id, refused.Refusal, cause);
        else
            Refused(remote, id, refused.Refusal, refused.Message);
    }

    [LoggerMessage(13, LogLevel.Warning, "Refused a connection from {Remote}, id '{Id}': {Refusal}, {Detail}")]
    private partial void Refused(EndPoint? remote, string id, Refusal refusal, string detail);

    [LoggerMessage(14, LogLevel.Error, "Refused a connection from {Remote}, id '{Id}': {Refusal}")]
    private partial void RefusedByError(EndPoint? remote, string id, Refusal refusal, Exception cause);

    public void Changed(string id, LinkState state)
    {
        if (state.IsUp)
            Up(id, state.Connections);
        else if (state.Outage is { Reason: OutageReason.ProtocolError or OutageReason.PeerNotReading } misbehaviour)
            Misbehaved(id, misbehaviour.Reason, misbehaviour.Detail);
        else if (state.Outage is { } outage)
            Down(id, outage.Reason, outage.Detail);
    }

    [LoggerMessage(20, LogLevel.Information, "{Id} is up, connection {Connection}")]
    private partial void Up(string id, int connection);

    [LoggerMessage(21, LogLevel.Information, "{Id} is down: {Reason}, {Detail}")]
    private partial void Down(string id, OutageReason reason, string detail);

    [LoggerMessage(22, LogLevel.Warning, "{Id} is down: {Reason}, {Detail}")]
    private partial void Misbehaved(string id, OutageReason reason, string detail);

    public void Notice(string id, LinkNotice notice)
    {
        if (notice.Error is null)
            Notice(id, notice.Kind, notice.Detail);
        else
            NoticeOfError(id, notice.Kind, notice.Detail, notice.Error);
    }

    [LoggerMessage(30, LogLevel.Warning, "{Id}: {Kind}, {Detail}")]
    private partial void Notice(string id, LinkNoticeKind kind, string detail);

    [LoggerMessage(31, LogLevel.Error, "{Id}: {Kind}, {Detail}")]
    private partial void NoticeOfError(string id, LinkNoticeKind kind, string detail, Exception error);

    [LoggerMessage(32, LogLevel.Error, "An observer of the server's {Stream} threw; its subscription has ended")]
    public partial void ObserverFailed(string stream, Exception error);
}
