using Npgsql;

namespace Rx.IotLink.PostgreSql;

/// <summary>The options of a <see cref="PostgreSqlSessionStore"/>.</summary>
public sealed class PostgreSqlSessionStoreOptions
{
    /// <summary>
    /// How to connect, as Npgsql writes it: <c>Host=db.local;Database=fleet;Username=iotlink;Password=…</c>. Several
    /// hosts may be named (<c>Host=a,b</c>): the one that can be written is used. What is not named comes from the
    /// environment (<c>PGPASSWORD</c>, <c>PGPASSFILE</c>, …). No message shows a password.
    /// </summary>
    public required string ConnectionString { get; init; }

    /// <summary>
    /// The schema of the tables: 1 to 63 lower-case letters, digits and underscores, and no digit first. It is made if
    /// it is not there. All servers of a fleet name the same one, two fleets in a database two. Default
    /// <c>iotlink</c>.
    /// </summary>
    public string Schema { get; init; } = "iotlink";

    /// <summary>
    /// The name of this server, which is kept with each session that it claims. 1 to 255 characters. Default: the name
    /// of the machine. Give each server of a fleet a name of its own, and the same name at each start: a server that
    /// starts stands where an earlier one of its name stood, so that after a crash its devices can be opened at once.
    /// </summary>
    public string Node { get; init; } = Environment.MachineName;

    /// <summary>
    /// The most connections to the database, 3 to 1,000. One of them writes, for all links together, and one hears of
    /// lines that other processes write; the others claim and read. Default 8.
    /// </summary>
    public int MaxConnections { get; init; } = 8;

    /// <summary>
    /// How long the database may take to connect, and to answer one call, before the call fails with
    /// <see cref="SessionStoreFault.Unavailable"/>. 1 to 300 seconds, default 10 seconds.
    /// </summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The most lines of <see cref="PostgreSqlFleet"/> that wait for a device, before its server has taken them. 1 to
    /// 1,000,000, default 10,000. Lines that are written at the same time may exceed it a little.
    /// </summary>
    public int FleetLines { get; init; } = 10_000;

    /// <summary>
    /// Whether the lines that devices send are kept in the inbox of the fleet, in the commit that accepts them. A
    /// device is then done with its line, and consumers in any process take it from there
    /// (<see cref="PostgreSqlFleet.Process"/>, <see cref="PostgreSqlFleet.Lines"/>), also if no application runs at
    /// that moment. An observer of the link in the server gets the lines that come while it observes, before they are
    /// accepted. All servers of a fleet must have the same value. Default false: lines wait until the application in
    /// the server accepts them.
    /// </summary>
    public bool Inbox { get; init; }

    /// <summary>
    /// How long a line stays in the inbox at least, also when all consumers have had it, so that a new consumer finds
    /// it. 0 to 10 years; default 1 day. A line that a consumer has not had is never deleted:
    /// <see cref="PostgreSqlFleet.ForgetConsumerAsync"/> removes a consumer that nobody needs any more.
    /// </summary>
    public TimeSpan InboxFor { get; init; } = TimeSpan.FromDays(1);

    /// <summary>
    /// Whether missing or older tables are brought up to date when the store is opened. If false, that fails, and the
    /// SQL of <see cref="PostgreSqlSessionStore.SchemaSql"/> is to be run first. Default true.
    /// </summary>
    public bool Migrate { get; init; } = true;

    /// <summary>Checks each option.</summary>
    /// <exception cref="ArgumentException">An option is out of range, or missing.</exception>
    internal void Validate()
    {
        Require.NotNull(ConnectionString, nameof(ConnectionString));
        Require.NotNull(Schema, nameof(Schema));
        Require.NotNull(Node, nameof(Node));
        ValidateSchema(Schema);
        Require.InRange(Node.Length, 1, 255, nameof(Node) + ".Length");
        Require.InRange(MaxConnections, 3, 1_000, nameof(MaxConnections));
        Require.InRange(FleetLines, 1, 1_000_000, nameof(FleetLines));
        Require.InRange(InboxFor, TimeSpan.Zero, TimeSpan.FromDays(3_653), nameof(InboxFor));
        Require.InRange(Timeout, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(300), nameof(Timeout));
        _ = Parse();
    }

    /// <summary>Checks the name of a schema, which is put into SQL as it is.</summary>
    internal static void ValidateSchema(string schema)
    {
        Require.NotFaulty(
            IsSchema(schema) ? null : "is not a name of 1 to 63 lower-case letters, digits and underscores, with no digit first",
            Protocol.Printable.Of(schema), nameof(Schema));
    }

    internal static bool IsSchema(string name) => name.Length is >= 1 and <= 63 && !char.IsAsciiDigit(name[0])
        && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '_');

    /// <summary>Reads the connection string.</summary>
    /// <exception cref="ArgumentException">
    /// It is none. Its text is not shown: a part of it may be a password.
    /// </exception>
    internal NpgsqlConnectionStringBuilder Parse()
    {
        if (TryParse(ConnectionString) is not { } parsed)
        {
            throw Faulty(
                "cannot be read. It must be 'Host=…;Database=…;Username=…', and a value with a semicolon or a quote stands between double quotes. "
                + "It is not shown here, since it may hold a password.",
                nameof(ConnectionString));
        }

        return string.IsNullOrEmpty(parsed.Host) ? throw Faulty("names no Host.", nameof(ConnectionString)) : parsed;
    }

    private static ArgumentException Faulty(string fault, string option) => new($"{option} {fault}", option);

    /// <summary>Null: it is none. The exceptions of Npgsql quote parts of it.</summary>
    private static NpgsqlConnectionStringBuilder? TryParse(string text)
    {
        try
        {
            return new(text);
        }
        catch (Exception e) when (e is ArgumentException or FormatException or OverflowException or InvalidCastException or KeyNotFoundException)
        {
            return null;
        }
    }
}
