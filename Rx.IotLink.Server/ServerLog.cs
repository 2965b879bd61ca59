using System.Net;
using System.Reactive.Concurrency;
using Microsoft.Extensions.Logging;
using Rx.IotLink.Protocol;

namespace Rx.IotLink.Server;

/// <summary>
/// The log of a server. The ids of the events are part of its interface. Text from outside is never logged raw, and
/// repeated entries within <see cref="Every"/> are summed up.
/// </summary>
internal sealed partial class ServerLog : IObserverFaults
{
    /// <summary>How long repeated entries are counted.</summary>
    public static readonly TimeSpan Every = TimeSpan.FromSeconds(5);

    /// <summary>The most topics (kind of event and origin) at a time, for strangers and for devices.</summary>
    private const int MaxTopicsOfStrangers = 100;
    private const int MaxTopicsOfDevices = 10_000;

    /// <summary>
    /// The entries of one kind that one device, or one origin of strangers, may have within that time.
    /// </summary>
    private const int AtOnce = 5;

    private readonly ILogger logger;
    private readonly Digest<Topic> strangers;
    private readonly Digest<Topic> devices;
    private long callbackFailures;

    /// <summary>Begins to log.</summary>
    /// <param name="logger">A logger that never throws (<see cref="GuardedLogging"/>).</param>
    /// <param name="scheduler">The clock.</param>
    public ServerLog(ILogger logger, IScheduler scheduler)
    {
        this.logger = logger;
        strangers = new(scheduler, Every, MaxTopicsOfStrangers, topic => topic with { Who = "several addresses" }, More);
        devices = new(scheduler, Every, MaxTopicsOfDevices, topic => topic with { Who = "several devices" }, More);
    }

    /// <summary>How often code of the application has thrown, logged or not.</summary>
    public long CallbackFailures => Interlocked.Read(ref callbackFailures);

    [LoggerMessage(1, LogLevel.Information, "Listening on {EndPoint}")]
    public partial void Listening(EndPoint endPoint);

    [LoggerMessage(2, LogLevel.Information, "Stopped; {Unfinished} written lines were not accepted")]
    private partial void LogStopped(int unfinished);

    /// <summary>The server has stopped; the counts are logged first.</summary>
    public void Stopped(int unfinished)
    {
        strangers.Close();
        devices.Close();
        LogStopped(unfinished);
    }

    public void NotAccepted(string detail)
    {
        if (MaySay(new(LogLevel.Error, "could not be accepted", "several addresses"), strangers))
            LogNotAccepted(Printable.Message(detail));
    }

    [LoggerMessage(3, LogLevel.Error, "A connection could not be accepted: {Detail}")]
    private partial void LogNotAccepted(string detail);

    [LoggerMessage(4, LogLevel.Warning, "At most {Room} connections are served at a time, not {MaxConnections}: the process may not open more files and sockets (ulimit -n)")]
    public partial void FewDescriptors(int room, int maxConnections);

    public void KeysRead(string file, int devices) => LogKeysRead(Printable.Message(file), devices);

    [LoggerMessage(5, LogLevel.Information, "{File} was read again: keys of {Devices} devices")]
    private partial void LogKeysRead(string file, int devices);

    public void KeysNotRead(string file, string detail) => LogKeysNotRead(Printable.Message(file), Printable.Message(detail));

    [LoggerMessage(6, LogLevel.Error, "{File} was not read again, and the keys stay as they were until it is repaired: {Detail}")]
    private partial void LogKeysNotRead(string file, string detail);

    public void KeysOfFailed(string id, Exception error)
    {
        CountFailure();
        if (MaySay(new(LogLevel.Error, "failed, KeysOf", "the keys"), devices, AtOnce))
            KeysFailed($"KeysOf of '{Printable.Message(id)}': its link stays up, even if its key is revoked; report the change again", error);
    }

    public void ChangesOfKeysFailed(Exception error)
    {
        CountFailure();
        KeysFailed("Changed ended with an error: a key that is revoked from now on ends no link until the server is started again", error);
    }

    [LoggerMessage(7, LogLevel.Error, "The keys failed, {What}")]
    private partial void KeysFailed(string what, Exception error);

    public void SleepersNotFound(Exception error)
    {
        CountFailure();
        LogSleepersNotFound(error);
    }

    [LoggerMessage(9, LogLevel.Error, "The session store did not say which devices sleep; it is asked again in 10 s")]
    private partial void LogSleepersNotFound(Exception error);

    [LoggerMessage(EventId = 8, Message = "{Count} more within {Seconds} s: {Who} {What}")]
    private partial void More(LogLevel level, int count, double seconds, string who, string what);

    public void Joined(Subject who, EndPoint? remote)
    {
        if (MaySay(who, LogLevel.Information, "connected for the first time"))
            LogJoined(Printable.Message(who.Id), remote);
    }

    [LoggerMessage(10, LogLevel.Information, "{Id} connected for the first time, from {Remote}")]
    private partial void LogJoined(string id, EndPoint? remote);

    /// <summary>A link has used up its share of the memory.</summary>
    public void Slowed(string id)
    {
        if (MaySay(new(LogLevel.Warning, "hold their part of MaxBufferedBytes; little is read from them until their lines are read here", "devices"), devices))
            LogSlowed(Printable.Message(id));
    }

    [LoggerMessage(15, LogLevel.Warning, "{Id} holds its part of MaxBufferedBytes; little is read from it until its lines are read here")]
    private partial void LogSlowed(string id);

    public void UnknownId(Subject who, IPAddress? remote)
    {
        if (MaySay(who, LogLevel.Warning, "is not expected; it is served all the same"))
            LogUnknownId(Printable.Message(who.Id), remote);
    }

    [LoggerMessage(11, LogLevel.Warning, "{Id}, from {Remote}, is not expected; it is served all the same")]
    private partial void LogUnknownId(string id, IPAddress? remote);

    public void AddressChanged(Subject who, IPAddress? before, IPAddress? remote)
    {
        if (MaySay(who, LogLevel.Warning, "came from another address than before"))
            LogAddressChanged(Printable.Message(who.Id), before, remote);
    }

    [LoggerMessage(12, LogLevel.Warning, "{Id} came from {Remote}, before from {Before}")]
    private partial void LogAddressChanged(string id, IPAddress? before, IPAddress? remote);

    public void Refused(EndPoint? remote, string id, RefusedException refused)
    {
        var level = LevelOf(refused.InnerException);
        if (!MaySay(new(level, $"was refused ({refused.Refusal})", Origin.Of(remote)?.ToString() ?? "a connection"), strangers))
            return;
        if (refused.InnerException is { } cause)
            RefusedByError(remote, Printable.Message(id), refused.Refusal, cause);
        else
            Refused(remote, Printable.Message(id), refused.Refusal, Printable.Message(refused.Message));
    }

    [LoggerMessage(13, LogLevel.Warning, "Refused a connection from {Remote}, id '{Id}': {Refusal}, {Detail}")]
    private partial void Refused(EndPoint? remote, string id, Refusal refusal, string detail);

    [LoggerMessage(14, LogLevel.Error, "Refused a connection from {Remote}, id '{Id}': {Refusal}")]
    private partial void RefusedByError(EndPoint? remote, string id, Refusal refusal, Exception cause);

    public void Changed(Subject who, LinkState state)
    {
        var id = Printable.Message(who.Id);
        if (state.IsUp && MaySay(who, LogLevel.Information, "is up"))
            Up(id, state.Connections);
        if (state is { IsUp: true } or { Outage: null })
            return;
        var outage = state.Outage;
        if (state.AsleepUntil is { } until)
        {
            if (MaySay(who, LogLevel.Information, "sleeps"))
                Asleep(id, until);
        }
        else if (outage.Reason is OutageReason.ProtocolError or OutageReason.PeerNotReading)
        {
            if (MaySay(who, LogLevel.Warning, $"is down ({outage.Reason})"))
                Misbehaved(id, outage.Reason, outage.Detail);
        }
        else if (MaySay(who, LogLevel.Information, $"is down ({outage.Reason})"))
        {
            Down(id, outage.Reason, outage.Detail);
        }
    }

    [LoggerMessage(20, LogLevel.Information, "{Id} is up, connection {Connection}")]
    private partial void Up(string id, int connection);

    [LoggerMessage(21, LogLevel.Information, "{Id} is down: {Reason}, {Detail}")]
    private partial void Down(string id, OutageReason reason, string detail);

    [LoggerMessage(22, LogLevel.Warning, "{Id} is down: {Reason}, {Detail}")]
    private partial void Misbehaved(string id, OutageReason reason, string detail);

    [LoggerMessage(23, LogLevel.Information, "{Id} is asleep until {Until:u}")]
    private partial void Asleep(string id, DateTimeOffset until);

    public void Notice(Subject who, LinkNotice notice)
    {
        var level = LevelOf(notice.Error);
        if (!MaySay(who, level, $"has a notice ({notice.Kind})"))
            return;
        if (notice.Error is null)
            Notice(Printable.Message(who.Id), notice.Kind, notice.Detail);
        else
            NoticeOfError(Printable.Message(who.Id), notice.Kind, notice.Detail, notice.Error);
    }

    [LoggerMessage(30, LogLevel.Warning, "{Id}: {Kind}, {Detail}")]
    private partial void Notice(string id, LinkNoticeKind kind, string detail);

    [LoggerMessage(31, LogLevel.Error, "{Id}: {Kind}, {Detail}")]
    private partial void NoticeOfError(string id, LinkNoticeKind kind, string detail, Exception error);

    public void ObserverFailed(string stream, Exception error)
    {
        CountFailure();
        LogObserverFailed(stream, error);
    }

    [LoggerMessage(32, LogLevel.Error, "An observer of the server's {Stream} threw; its subscription has ended")]
    private partial void LogObserverFailed(string stream, Exception error);

    /// <summary>What the application's code threw is an error of this server's, and counted.</summary>
    private LogLevel LevelOf(Exception? thrown)
    {
        if (thrown is null)
            return LogLevel.Warning;
        CountFailure();
        return LogLevel.Error;
    }

    private void CountFailure() => Interlocked.Increment(ref callbackFailures);

    /// <summary>
    /// A device has its own topics. Topics of strangers are by origin, since a stranger can use any number of ids.
    /// </summary>
    private bool MaySay(Subject who, LogLevel level, string what) => who.Stranger is { } origin
        ? MaySay(new(level, what, origin.ToString()), strangers, AtOnce)
        : MaySay(new(level, what, Printable.Message(who.Id)), devices, AtOnce);

    /// <summary>An entry that is not logged is not counted either.</summary>
    private bool MaySay(Topic topic, Digest<Topic> digest, int atOnce = 1) => logger.IsEnabled(topic.Level) && digest.MaySay(topic, atOnce);

    private void More(Topic topic, int count) => More(topic.Level, count, Every.TotalSeconds, topic.Who, topic.What);

    /// <summary>Entries of the same kind.</summary>
    private readonly record struct Topic(LogLevel Level, string What, string Who);
}

/// <summary>The subject of an entry.</summary>
/// <param name="Id">The device.</param>
/// <param name="Stranger">Its origin, if it is neither expected nor proven; otherwise null.</param>
internal readonly record struct Subject(string Id, Origin? Stranger);
