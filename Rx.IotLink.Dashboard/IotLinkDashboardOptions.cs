namespace Rx.IotLink.Dashboard;

/// <summary>Who may use the control endpoint, and its limits.</summary>
public sealed record IotLinkDashboardOptions
{
    /// <summary>
    /// What a request must bring as <c>Authorization: Bearer TOKEN</c>; at least 16 characters of ASCII without blanks.
    /// Default null: no token. Then, without <see cref="ReadPolicy"/> or <see cref="ActPolicy"/>, only requests of this
    /// machine are answered that no proxy has passed on.
    /// </summary>
    public string? Token { get; init; }

    /// <summary>The policy of ASP.NET Core for requests that read. Default null: none.</summary>
    public string? ReadPolicy { get; init; }

    /// <summary>
    /// The policy for requests that change something: send, ping, disconnect, forget. Default null:
    /// <see cref="ReadPolicy"/>.
    /// </summary>
    public string? ActPolicy { get; init; }

    /// <summary>
    /// The names under which this endpoint may be asked for (the header <c>Host</c>, without a port). Others are
    /// refused, so that a page of a stranger cannot reach it through a name of its own (DNS rebinding). Default:
    /// without a token or policies <c>localhost</c> and addresses of this machine (127.0.0.0/8, ::1); otherwise any.
    /// </summary>
    public IReadOnlyCollection<string> AllowedHosts { get; init; } = [];

    /// <summary>
    /// The key of the server, if it is one of several (<c>AddKeyedIotLinkServer</c>). Default null: the server without
    /// a key.
    /// </summary>
    public string? ServerKey { get; init; }

    /// <summary>How often a summary is sent to those that listen to events. Default 1 s; 100 ms to 1 h.</summary>
    public TimeSpan SummaryEvery { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How many may listen to events at a time; a further one gets 503. Default 32; 1 to 1,000.</summary>
    public int MaxListeners { get; init; } = 32;

    /// <summary>
    /// How long a request to send a line waits until the device has accepted it. After that the answer is 202, and the
    /// line continues to wait for the device. Default 10 s; 0 to 5 min.
    /// </summary>
    public TimeSpan AcceptedWithin { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Whether there is a page for people at the path of the endpoint. For it the rates and states of each device are
    /// kept in memory, up to 5 min and 50 changes. Default true.
    /// </summary>
    public bool Page { get; init; } = true;

    /// <summary>
    /// How many of the lines that each device sent last the page can show, each up to 512 bytes. They are kept in
    /// memory. Default 10; 0 (none) to 100.
    /// </summary>
    public int LastLines { get; init; } = 10;

    /// <summary>Without the token, which must not get into a log.</summary>
    public override string ToString() =>
        $"{nameof(IotLinkDashboardOptions)} {{ Token = {(Token is null ? "none" : "…")}, ReadPolicy = {ReadPolicy}, ActPolicy = {ActPolicy} }}";

    internal bool IsForThisMachine => Token is null && ReadPolicy is null && ActPolicy is null;

    internal void Validate()
    {
        // The token itself does not get into a message.
        if (Token is { } token)
            Require.NotFaulty(token.Length < 16 || token.Any(c => c is <= ' ' or > '~') ? "has fewer than 16 characters, or one that is not printable ASCII" : null, "…", nameof(Token));
        Require.InRange(SummaryEvery, TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1), nameof(SummaryEvery));
        Require.InRange(MaxListeners, 1, 1_000, nameof(MaxListeners));
        Require.InRange(AcceptedWithin, TimeSpan.Zero, TimeSpan.FromMinutes(5), nameof(AcceptedWithin));
        Require.InRange(LastLines, 0, 100, nameof(LastLines));
        Require.NotNull(AllowedHosts, nameof(AllowedHosts));
    }
}
