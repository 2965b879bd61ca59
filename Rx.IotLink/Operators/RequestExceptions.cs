using Rx.IotLink.Protocol;

namespace Rx.IotLink;

/// <summary>The peer answered a request with an error.</summary>
public sealed class RemoteErrorException : Exception
{
    /// <summary>Says which link and what the peer said.</summary>
    public RemoteErrorException(string id, string remoteMessage)
        : base($"The peer of link '{id}' answered with an error: {Printable.Of(remoteMessage)}") => (Id, RemoteMessage) = (id, remoteMessage);

    /// <summary>The id of the link.</summary>
    public string Id { get; }

    /// <summary>The peer's text, as received. It is for people; do not trust it more than the peer.</summary>
    public string RemoteMessage { get; }
}

/// <summary>The allowed number of requests wait for their answers already; this one was not sent.</summary>
public sealed class TooManyRequestsException : InvalidOperationException
{
    /// <summary>Says which link and limit.</summary>
    public TooManyRequestsException(string id, int maxInFlight)
        : base($"{maxInFlight} requests of link '{id}' wait for answers: {nameof(RequestOptions)}.{nameof(RequestOptions.MaxInFlight)} allows no more.") => Id = id;

    /// <summary>The id of the link.</summary>
    public string Id { get; }
}
