using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using Rx.IotLink.Server;

namespace Rx.IotLink.Tests.House.Reference;

/// <summary>The pages of docs/reference, made of the assemblies and their XML documentation.</summary>
internal static partial class ReferencePages
{
    public static readonly IReadOnlyList<Assembly> Assemblies =
    [
        typeof(ILink).Assembly, typeof(IotLinkServer).Assembly, typeof(Rx.IotLink.Sqlite.SqliteSessionStore).Assembly, typeof(Rx.IotLink.PostgreSql.PostgreSqlSessionStore).Assembly,
        typeof(Rx.IotLink.Nats.NatsSessionStore).Assembly,
        typeof(Rx.IotLink.Dashboard.IotLinkDashboard).Assembly, typeof(Rx.IotLink.Mqtt.MqttGateway).Assembly, typeof(Microsoft.Extensions.DependencyInjection.IotLinkClientHosting).Assembly, typeof(Rx.IotLink.Bridge.BridgeTransport).Assembly, typeof(Rx.IotLink.Testing.SimulatedNetwork).Assembly,
    ];

    private static readonly Dictionary<Assembly, XmlDocs> Docs = Assemblies.ToDictionary(assembly => assembly, assembly => new XmlDocs(assembly));

    private static IEnumerable<Type> Exported => Assemblies.SelectMany(assembly => assembly.GetExportedTypes().OrderBy(type => type.Name, StringComparer.Ordinal));

    private static List<Type> OptionTypes => [.. Exported.Where(type => !type.IsAbstract || type == typeof(LinkOptions)).Where(type => type == typeof(BackOff) || type.Name.EndsWith("Options", StringComparison.Ordinal))];

    /// <summary>The category of the log, where the libraries log: an assembly that logs needs one here.</summary>
    private static readonly Dictionary<Assembly, string> Categories = ((Type[])[typeof(IotLinkServer), typeof(IotLinkClient), typeof(Rx.IotLink.Mqtt.MqttGateway)])
        .ToDictionary(type => type == typeof(IotLinkClient) ? typeof(Microsoft.Extensions.DependencyInjection.IotLinkClientHosting).Assembly : type.Assembly, type => type.FullName!);

    private static IEnumerable<Type> WordsOfOptions => OptionTypes.SelectMany(Settable).Select(option => Nullable.GetUnderlyingType(option.PropertyType) ?? option.PropertyType)
        .Where(type => type.IsEnum && Docs.ContainsKey(type.Assembly)).Distinct();

    /// <summary>
    /// The words that are no option. docs/testing-outages.md has those of the laboratory. A record's kind is for
    /// stores.
    /// </summary>
    private static IEnumerable<Type> Reported => Exported
        .Where(type => type.IsEnum && type != typeof(SessionRecordKind) && type.Assembly != typeof(Rx.IotLink.Testing.SimulatedNetwork).Assembly)
        .Except(WordsOfOptions);

    /// <summary>The numbers and times among the options, and what the page says of each.</summary>
    public static IEnumerable<(string Option, string Text)> Measured =>
        from type in OptionTypes
        from option in Settable(type)
        let plain = Nullable.GetUnderlyingType(option.PropertyType) ?? option.PropertyType
        where plain == typeof(TimeSpan) || plain == typeof(int) || plain == typeof(long) || plain == typeof(double)
        select ($"{type.Name}.{option.Name}", Docs[type.Assembly].TextOf(option));

    public static string Options() => Page("Options", "Each option, with its unit, its default and its limits.",
        OptionTypes.Select(OptionsOf)
            .Append("## Words\n\nThe values of options that are one word of a list.")
            .Concat(WordsOfOptions.OrderBy(type => type.Name, StringComparer.Ordinal).Select(type => Words(type, "###"))));

    public static string Notices() => Page("States, outages, refusals and notices",
        "What links, servers, stores, gateways and bridges report. [Troubleshooting](../troubleshooting.md) says what to do.",
        ((Type[])[typeof(LinkStatus), typeof(OutageReason), typeof(Refusal), typeof(LinkNoticeKind)]).Union(Reported).Select(type => Words(type, "##")));

    public static string Exceptions() => Page("Exceptions",
        "The exceptions of this library. A wrong argument or option gets an `ArgumentException` of .NET, which names the option, its limits, and what was given.",
        from type in Exported
        where typeof(Exception).IsAssignableFrom(type)
        let throwing = Docs.Values.SelectMany(docs => docs.Throwing(type)).Distinct().Order(StringComparer.Ordinal).Select(member => $"`{member}`").ToList()
        select $"## {type.Name}\n\nIn `{type.Namespace}`; a kind of `{type.BaseType!.Name}`. {Docs[type.Assembly].TextOf(type)}{(throwing.Count > 0 ? $"\n\nThrown by {string.Join(", ", throwing)}." : "")}");

    public static string Events() => Page("Events of the log",
        "The server logs these, with these numbers. After five of one kind within five seconds the rest are counted, and summed up in event 8, which has the level of what it sums up. Where a level is empty, it is that of what is reported.",
        from assembly in Assemblies
        let rows = EventsOf(assembly).ToList()
        where rows.Count > 0
        select $"## {assembly.GetName().Name}\n\nCategory: `{Categories[assembly]}`.\n\n| event | level | message |\n|--:|---|---|\n{string.Join('\n', rows)}");

    private static IEnumerable<string> EventsOf(Assembly assembly) =>
        from method in assembly.GetTypes().SelectMany(type => type.GetMethods(BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
        from message in method.GetCustomAttributes<LoggerMessageAttribute>()
        orderby message.EventId
        select string.Create(CultureInfo.InvariantCulture, $"| {message.EventId} | {(message.Level == LogLevel.None ? "" : message.Level.ToString())} | {Place().Replace(message.Message, "`$0`")} |");

    private static string Page(string title, string about, IEnumerable<string> parts) =>
        $"# {title}\n\n<!-- Made of the assemblies: UPDATE_REFERENCE=1 dotnet test Rx.IotLink.Tests --filter ReferenceTests -->\n\n{Wrap(about)}\n\n{string.Join("\n\n", parts.Select(Wrapped))}\n";

    private static string OptionsOf(Type type)
    {
        var values = Activator.CreateInstance(type == typeof(LinkOptions) ? typeof(IotLinkClientOptions) : type);
        var rows =
            from option in Settable(type)
            let required = option.GetCustomAttribute<RequiredMemberAttribute>() is not null
            select $"| `{option.Name}` | `{CSharp.NameOf(option)}` | {(required ? "required" : CSharp.Show(option.Name, option.GetValue(values)))} | {Docs[type.Assembly].TextOf(option)} |";
        var inherited = type.BaseType == typeof(LinkOptions) ? " It also has all of [LinkOptions](#linkoptions)." : "";
        return $"## {type.Name}\n\n{Docs[type.Assembly].TextOf(type)}{inherited}\n\n| option | type | default | meaning and limits |\n|---|---|---|---|\n{string.Join('\n', rows)}";
    }

    private static IEnumerable<PropertyInfo> Settable(Type type) =>
        type.GetProperties(BindingFlags.Instance | BindingFlags.Public | BindingFlags.DeclaredOnly).Where(p => p.SetMethod is { IsPublic: true }).OrderBy(p => p.Name, StringComparer.Ordinal);

    private static string Words(Type type, string level) => $"{level} {type.Name}\n\n{Docs[type.Assembly].TextOf(type)}\n\n| `{type.Name}` | meaning |\n|---|---|\n" + string.Join('\n',
        from name in Enum.GetNames(type).Order(StringComparer.Ordinal) select $"| `{name}` | {Docs[type.Assembly].TextOf(type.GetField(name)!)} |");

    private static string Wrapped(string part) => string.Join('\n', part.Split('\n').Select(line => line.StartsWith('|') || line.StartsWith('#') ? line : Wrap(line)));

    /// <summary>Lines of prose have at most 120 characters.</summary>
    private static string Wrap(string text) => text.Split(' ').Aggregate("", (lines, word) =>
        lines.Length == 0 ? word : lines.Length - lines.LastIndexOf('\n') + word.Length > 120 ? $"{lines}\n{word}" : $"{lines} {word}");

    [GeneratedRegex(@"\{\w+\}", RegexOptions.None, 1_000)]
    private static partial Regex Place();
}
