namespace Rx.IotLink.Nats;

/// <summary>The options of a <see cref="NatsSessionStore"/>.</summary>
public sealed class NatsSessionStoreOptions
{
    /// <summary>
    /// The servers, as NATS writes them: <c>nats://one:4222,nats://two:4222,nats://three:4222</c>. Name all of a
    /// cluster. A user and a password may stand in it; no message shows them.
    /// </summary>
    public required string Url { get; init; }

    /// <summary>
    /// The name of the stream, and the first word of its subjects: 1 to 32 letters, digits, hyphens and underscores. It
    /// is made if it is not there. All servers of a fleet name the same one. Default <c>iotlink</c>.
    /// </summary>
    public string Stream { get; init; } = "iotlink";

    /// <summary>
    /// The name of this server, which is kept with each claim. 1 to 255 characters. Default: the name of the machine.
    /// </summary>
    public string Node { get; init; } = Environment.MachineName;

    /// <summary>
    /// On how many servers of the cluster the stream is kept, where it is made: 1, 3 or 5. Default 3: a record counts
    /// as kept when two of them have it. With 1 what was kept is lost with that server's disk.
    /// </summary>
    public int Replicas { get; init; } = 3;

    /// <summary>
    /// Whether the lines that devices send are kept in the inbox of the fleet, before they are accepted. A device is
    /// then done with its line, and consumers in any process take it from there (<see cref="NatsFleet.Process"/>,
    /// <see cref="NatsFleet.Lines"/>), also if no application runs at that moment. An observer of the link in the
    /// server gets the lines that come while it observes, before they are accepted. All servers of a fleet must have
    /// the same value. Default false: lines wait until the application in the server accepts them.
    /// </summary>
    /// <remarks>
    /// Each line is a message of the stream <c>STREAM_inbox</c>, and so needs an answer of the servers: lines of one
    /// device are kept one after the other, those of many devices at the same time.
    /// </remarks>
    public bool Inbox { get; init; }

    /// <summary>
    /// How long a line stays in the inbox at least, also when all consumers have had it, so that a new consumer finds
    /// it. 1 minute to 10 years; default 1 day. A line that a consumer has not had is never deleted:
    /// <see cref="NatsFleet.ForgetConsumerAsync"/> removes a consumer that nobody needs any more.
    /// </summary>
    /// <remarks>
    /// A device whose server died between keeping a line and accepting it, and which is away for longer than this,
    /// sends that line a second time: it is then there twice, with the same name.
    /// </remarks>
    public TimeSpan InboxFor { get; init; } = TimeSpan.FromDays(1);

    /// <summary>
    /// How long the servers may take to connect, and to answer one request, before the call fails with
    /// <see cref="SessionStoreFault.Unavailable"/>. 1 to 300 seconds, default 5 seconds.
    /// </summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Checks each option.</summary>
    /// <exception cref="ArgumentException">An option is out of range, or missing.</exception>
    internal void Validate()
    {
        Require.NotNull(Url, nameof(Url));
        Require.NotNull(Stream, nameof(Stream));
        Require.NotNull(Node, nameof(Node));
        // Its text may hold a password.
        Require.InRange(Url.Length, 1, 4_096, nameof(Url) + ".Length");
        var isName = Stream.Length is > 0 and <= 32 && Stream.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_');
        Require.NotFaulty(isName ? null : "must be 1 to 32 letters, digits, hyphens and underscores", Protocol.Printable.Of(Stream), nameof(Stream));
        Require.InRange(Node.Length, 1, 255, nameof(Node) + ".Length");
        Require.NotFaulty(Replicas is 1 or 3 or 5 ? null : "must be 1, 3 or 5", Replicas, nameof(Replicas));
        Require.InRange(InboxFor, TimeSpan.FromMinutes(1), TimeSpan.FromDays(3_653), nameof(InboxFor));
        Require.InRange(Timeout, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(300), nameof(Timeout));
    }
}
