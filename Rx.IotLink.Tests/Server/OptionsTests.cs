using System.Reflection;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server;

/// <summary>Every option out of its range is one ArgumentException that names it, and nothing was started.</summary>
public sealed class OptionsTests : ServerTest
{
    private static readonly TimeSpan Tick = TimeSpan.FromTicks(1);
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    /// <summary>Options that take any value.</summary>
    private static readonly string[] Free = ["ObserverScheduler", "PinAddresses", "Listen", "Transport", "Seed", "Protocol1", "SessionStore", "Tls", "IsCertificateOf"];

    private static readonly (string Option, IotLinkServerOptions Bad)[] BadForServer =
    [
        .. Common(new IotLinkServerOptions { Port = 0 }),
        ("Port", new() { Port = -1 }),
        ("Port", new() { Port = 65_536 }),
        ("Bind", new() { Bind = null! }),
        ("Expected", new() { Expected = null! }),
        ("Expected", new() { Expected = ["1", null!] }),
        ("Expected", new() { Expected = ["1", ""] }),
        ("Expected", new() { Expected = ["1\r"] }),
        ("Expected", new() { Expected = ["1\n2"] }),
        ("Expected", new() { Expected = ["\ud800"] }),
        ("Expected", new() { Expected = [new string('é', 65)] }),
        ("MaxIdBytes", new() { MaxIdBytes = 0 }),
        ("MaxIdBytes", new() { MaxIdBytes = 4_097 }),
        ("IdPattern", new() { IdPattern = "(" }),
        ("IdPattern", new() { IdPattern = "a)|(b" }),
        ("IdPattern", new() { IdPattern = "(?=a)" }),
        ("IdPattern", new() { IdPattern = "(a)\\1" }),
        ("Expected", new() { Expected = [".."], SessionStore = new Rx.IotLink.Testing.MemorySessionStore() }),
        ("Expected", new() { Expected = ["\u3164"] }),
        ("UnknownIds", new() { UnknownIds = (UnknownIdPolicy)2 }),
        ("MaxUnknownIds", new() { MaxUnknownIds = -1 }),
        ("MaxUnknownIds", new() { MaxUnknownIds = 10_000_001 }),
        ("MaxConnections", new() { MaxConnections = 0 }),
        ("MaxConnections", new() { MaxConnections = 10_000_001 }),
        ("MaxOpenings", new() { MaxOpenings = 0 }),
        ("MaxOpenings", new() { MaxOpenings = 10_000_001 }),
        ("OpeningTimeout", new() { OpeningTimeout = TimeSpan.Zero }),
        ("OpeningTimeout", new() { OpeningTimeout = Hour + Tick }),
        ("MaxBufferedBytes", new() { MaxBufferedBytes = 65_535 }),
        ("MaxUnknownIdsPerAddress", new() { MaxUnknownIdsPerAddress = 0 }),
        ("MaxConnectionsPerAddress", new() { MaxConnectionsPerAddress = 0 }),
        ("MaxOpeningsPerAddress", new() { MaxOpeningsPerAddress = 0 }),
        ("MaxOpeningRatePerAddress", new() { MaxOpeningRatePerAddress = 0 }),
        ("MaxOpeningRatePerAddress", new() { MaxOpeningRatePerAddress = 1_000_001 }),
        ("LoggerFactory", new() { LoggerFactory = null! }),
        ("Protocol2", new() { Protocol2 = false, Protocol1 = false }),
        ("KeyOf", new() { Protocol2 = false, Protocol1 = true, KeyOf = _ => null }),
        ("KeyFile", new() { KeyFile = "" }),
        ("KeyFile", new() { KeyFile = "keys", KeyOf = _ => null }),
        ("Keys", new() { Keys = new DeviceKeys(), KeyOf = _ => null }),
        ("Keys", new() { Keys = new DeviceKeys(), KeyFile = "keys" }),
        ("Keys", new() { Keys = new DeviceKeys(), Protocol2 = false, Protocol1 = true }),
        ("InsecureKeyFile", new() { InsecureKeyFile = true }),
        ("TrustedProxies", new() { TrustedProxies = null! }),
        ("TrustedProxies", new() { TrustedProxies = [System.Net.IPNetwork.Parse("0.0.0.0/0")] }),
        ("TrustedProxies", new() { TrustedProxies = [System.Net.IPNetwork.Parse("::/0")] }),
        ("TrustedProxies", new() { TrustedProxies = [default] }),
        ("TrustedProxies", new() { TrustedProxies = [System.Net.IPNetwork.Parse("::ffff:10.0.0.0/104")] }),
        ("Tls", new() { Tls = new() }),
        ("RetryAfter", new() { RetryAfter = -Tick }),
        ("RetryAfter", new() { RetryAfter = Hour + Tick }),
    ];

    private static readonly IotLinkClientOptions GoodClient = new() { Host = "127.0.0.1", Port = 1, Id = "1" };

    private static readonly (string Option, IotLinkClientOptions Bad)[] BadForClient =
    [
        .. Common(GoodClient),
        ("Host", GoodClient with { Host = null! }),
        ("Host", GoodClient with { Host = "" }),
        ("Port", GoodClient with { Port = 0 }),
        ("Port", GoodClient with { Port = 65_536 }),
        ("Id", GoodClient with { Id = null! }),
        ("Id", GoodClient with { Id = "" }),
        ("Id", GoodClient with { Id = "pump\r" }),
        ("Id", GoodClient with { Id = "pu\nmp" }),
        ("Id", GoodClient with { Id = "\udc00" }),
        ("Id", GoodClient with { Id = new string('1', 129) }),
        ("BackOff", GoodClient with { BackOff = null! }),
        ("BackOff.Initial", GoodClient with { BackOff = new() { Initial = TimeSpan.Zero } }),
        ("BackOff.Initial", GoodClient with { BackOff = new() { Initial = Hour + Tick, Cap = Hour + Tick } }),
        ("BackOff.Factor", GoodClient with { BackOff = new() { Factor = 0.99 } }),
        ("BackOff.Factor", GoodClient with { BackOff = new() { Factor = double.NaN } }),
        ("BackOff.Factor", GoodClient with { BackOff = new() { Factor = 101 } }),
        ("BackOff.Cap", GoodClient with { BackOff = new() { Cap = TimeSpan.FromMilliseconds(499) } }),
        ("BackOff.Cap", GoodClient with { BackOff = new() { Cap = TimeSpan.FromDays(1) + Tick } }),
        ("BackOff.Jitter", GoodClient with { BackOff = new() { Jitter = -0.01 } }),
        ("BackOff.Jitter", GoodClient with { BackOff = new() { Jitter = 1.01 } }),
        ("BackOff.Jitter", GoodClient with { BackOff = new() { Jitter = double.NaN } }),
        ("MaxRetryAfter", GoodClient with { MaxRetryAfter = -Tick }),
        ("MaxRetryAfter", GoodClient with { MaxRetryAfter = TimeSpan.FromDays(1) + Tick }),
        ("MaxTimeout", GoodClient with { MaxTimeout = TimeSpan.Zero }),
        ("MaxTimeout", GoodClient with { MaxTimeout = TimeSpan.FromDays(1) + Tick }),
        ("ConnectTimeout", GoodClient with { ConnectTimeout = TimeSpan.Zero }),
        ("ConnectTimeout", GoodClient with { ConnectTimeout = Hour + Tick }),
        ("FirstConnection", GoodClient with { FirstConnection = (FirstConnection)2 }),
        ("Network", GoodClient with { Network = null! }),
        ("Protocol", GoodClient with { Protocol = 0 }),
        ("Protocol", GoodClient with { Protocol = 3 }),
        ("Key.Length", GoodClient with { Key = new byte[15] }),
        ("Key", GoodClient with { Key = new byte[16], Protocol = 1 }),
    ];

    private static IEnumerable<TestCaseData> ServerCases => Cases(BadForServer);

    private static IEnumerable<TestCaseData> ClientCases => Cases(BadForClient);

    [TestCaseSource(nameof(ServerCases))]
    public void A_servers_option_out_of_range_is_named(string option, IotLinkServerOptions bad) =>
        Assert.That(async () => await StartServerAsync(bad), Throws.InstanceOf<ArgumentException>().With.Property("ParamName").EqualTo(option).And.Message.StartsWith(option));

    [TestCaseSource(nameof(ClientCases))]
    public void A_clients_option_out_of_range_is_named(string option, IotLinkClientOptions bad) =>
        Assert.That(() => StartClient(bad), Throws.InstanceOf<ArgumentException>().With.Property("ParamName").EqualTo(option).And.Message.StartsWith(option));

    [Test]
    public void No_options_at_all_are_refused_too()
    {
        Assert.That(async () => await IotLinkServer.StartAsync(null!), Throws.ArgumentNullException);
        Assert.That(() => IotLinkClient.Start(null!), Throws.ArgumentNullException);
    }

    /// <summary>An option that is added is either checked, and then here, or takes any value.</summary>
    [Test]
    public void Every_option_is_in_these_tables()
    {
        Assert.That(BadForServer.Select(b => b.Option).Concat(Free), Is.SupersetOf(Names<IotLinkServerOptions>()));
        Assert.That(BadForClient.Select(b => b.Option).Concat(Free), Is.SupersetOf(Names<IotLinkClientOptions>()));
        Assert.That(BadForClient.Select(b => b.Option), Is.SupersetOf(Names<BackOff>().Select(n => $"BackOff.{n}")));
    }

    [Test]
    public async Task The_limits_themselves_are_in_range()
    {
        await StartServerAsync(ServerOptions with
        {
            Timeout = TimeSpan.FromMilliseconds(100),
            MaxLineBytes = 1,
            InboxLines = 1,
            OutboxLines = 1,
            MaxWaitingWrites = 0,
            MaxIdBytes = 1,
            MaxUnknownIds = 0,
            MaxConnections = 1,
            MaxOpenings = 1,
            OpeningTimeout = TimeSpan.FromMilliseconds(1),
        });
        await StartServerAsync(ServerOptions with
        {
            Timeout = Hour,
            MaxLineBytes = 1_048_576,
            InboxLines = 1_000_000,
            OutboxLines = 1_000_000,
            MaxWaitingWrites = 1_000_000,
            MaxIdBytes = 4_096,
            Expected = [new string('x', 4_096)],
            MaxUnknownIds = 10_000_000,
            MaxConnections = 10_000_000,
            MaxOpenings = 10_000_000,
            OpeningTimeout = Hour,
        });
    }

    private static IEnumerable<(string Option, T Bad)> Common<T>(T good)
        where T : LinkOptions =>
    [
        ("Timeout", good with { Timeout = TimeSpan.FromMilliseconds(100) - Tick }),
        ("Timeout", good with { Timeout = Hour + Tick }),
        ("MaxLineBytes", good with { MaxLineBytes = 0 }),
        ("MaxLineBytes", good with { MaxLineBytes = 1_048_577 }),
        ("InboxLines", good with { InboxLines = 0 }),
        ("InboxLines", good with { InboxLines = 1_000_001 }),
        ("OutboxLines", good with { OutboxLines = 0 }),
        ("OutboxLines", good with { OutboxLines = 1_000_001 }),
        ("MaxWaitingWrites", good with { MaxWaitingWrites = -1 }),
        ("MaxWaitingWrites", good with { MaxWaitingWrites = 1_000_001 }),
        ("StoredLines", good with { StoredLines = 0 }),
        ("StoredLines", good with { StoredLines = 1_000_000_001 }),
        ("StoredBytes", good with { StoredBytes = 0 }),
        ("StoredBytes", good with { StoredBytes = 1_099_511_627_777 }),
        ("StoredFor", good with { StoredFor = TimeSpan.FromSeconds(1) - Tick }),
        ("StoredFor", good with { StoredFor = TimeSpan.FromDays(3_650) + Tick }),
        ("DrainTimeout", good with { DrainTimeout = -Tick }),
        ("DrainTimeout", good with { DrainTimeout = Hour + Tick }),
        ("SlowObserverAfter", good with { SlowObserverAfter = TimeSpan.FromMilliseconds(10) - Tick }),
        ("SlowObserverAfter", good with { SlowObserverAfter = TimeSpan.FromDays(1) + Tick }),
        ("WriterOverflow", good with { WriterOverflow = (OverflowPolicy)3 }),
        ("Scheduler", good with { Scheduler = null! }),
        ("Telemetry", good with { Telemetry = null! }),
        ("Telemetry.MaxDevices", good with { Telemetry = new() { MaxDevices = 10_001 } }),
        ("Telemetry.Name.Length", good with { Telemetry = new() { Name = "" } }),
    ];

    private static IEnumerable<string> Names<T>() =>
        typeof(T).GetProperties(BindingFlags.Public | BindingFlags.Instance).Select(p => p.Name);

    private static IEnumerable<TestCaseData> Cases<T>((string Option, T Bad)[] table) =>
        table.Select((c, i) => new TestCaseData(c.Option, c.Bad).SetArgDisplayNames(c.Option, $"{i}"));
}
