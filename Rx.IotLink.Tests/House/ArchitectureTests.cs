using System.Reflection;
using Mono.Cecil;
using Mono.Cecil.Rocks;
using NUnit.Framework;

namespace Rx.IotLink.Tests.House;

/// <summary>The rooms of the core never mix, and the core stays small in what it depends on.</summary>
public sealed class ArchitectureTests
{
    /// <summary>Sockets, tasks, threads, timers, clocks, chance: what a pure state machine has no use for.</summary>
    // A DateTimeOffset is a value that a record may carry; where it could ask a clock, it is a banned symbol.
    private static readonly string[] Impure =
    [
        "System.Net", "System.IO", "System.Reactive", "System.Threading", "System.Diagnostics.Stopwatch", "System.DateTime", "System.Random", "System.Guid",
        "System.Environment", "System.TimeProvider", "Rx.IotLink.Time", "Rx.IotLink.Transport", "Rx.IotLink.Link", "Rx.IotLink.ServedConnection", "Rx.IotLink.Inbox", "Rx.IotLink.Broadcast",
    ];

    private AssemblyDefinition core = null!;

    [OneTimeSetUp]
    public void Read() => core = AssemblyDefinition.ReadAssembly(typeof(ILink).Assembly.Location);

    [OneTimeTearDown]
    public void Release() => core.Dispose();

    /// <summary>Their build analyses that, and a warning fails it (docs/packages.md).</summary>
    [TestCase(typeof(ILink))]
    [TestCase(typeof(Rx.IotLink.Sqlite.SqliteSessionStore))]
    [TestCase(typeof(Rx.IotLink.PostgreSql.PostgreSqlSessionStore))]
    [TestCase(typeof(Rx.IotLink.Bridge.BridgeTransport))]
    public void They_can_be_trimmed_and_compiled_ahead_of_time(Type inAssembly)
    {
        var said = inAssembly.Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Where(a => a.Value == "True").Select(a => a.Key);

        Assert.That(said, Does.Contain("IsTrimmable").And.Contains("IsAotCompatible"));
    }

    [Test]
    public void The_protocol_room_is_pure() => Assert.That(Uses("Rx.IotLink.Protocol", Impure), Is.Empty);

    [Test]
    public void The_engine_is_pure() => Assert.That(Uses("Rx.IotLink.Engine", Impure), Is.Empty);

    [Test]
    public void The_time_room_knows_neither_protocol_nor_transport() =>
        Assert.That(Uses("Rx.IotLink.Time", ["Rx.IotLink.Protocol", "Rx.IotLink.Transport", "System.Net", "System.IO"]), Is.Empty);

    [Test]
    public void The_transport_room_knows_neither_protocol_nor_time() =>
        Assert.That(Uses("Rx.IotLink.Transport", ["Rx.IotLink.Protocol", "Rx.IotLink.Time", "Rx.IotLink.Link"]), Is.Empty);

    [Test]
    public void The_check_finds_what_it_looks_for() =>
        Assert.That(Uses("Rx.IotLink.Transport", ["System.Net.Sockets"]), Is.Not.Empty, "TcpTransport does use sockets");

    [Test]
    public void The_core_depends_on_the_base_library_and_Rx_alone() =>
        Assert.That(
            core.MainModule.AssemblyReferences.Select(a => a.Name).ToArray(),
            Is.All.Matches<string>(name => name is not null && (name == "System.Reactive" || (name.StartsWith("System.", StringComparison.Ordinal) && !name.StartsWith("System.Reactive.", StringComparison.Ordinal)))));

    private IEnumerable<string> Uses(string room, string[] forbidden) =>
        from type in core.MainModule.GetAllTypes()
        where InRoom(type, room)
        from used in TypesUsedBy(type)
        where forbidden.Any(f => IsOrIsWithin(used.FullName, f)) && !IsOrIsWithin(used.FullName, room)
        select $"{type.FullName} uses {used.FullName}";

    private static bool InRoom(TypeDefinition type, string room) =>
        type.DeclaringType is { } outer ? InRoom(outer, room) : IsOrIsWithin(type.Namespace, room);

    private static bool IsOrIsWithin(string name, string place) =>
        name == place || name.StartsWith(place + ".", StringComparison.Ordinal) || name.StartsWith(place + "`", StringComparison.Ordinal)
        || name.StartsWith(place + "/", StringComparison.Ordinal);

    private static IEnumerable<TypeReference> TypesUsedBy(TypeDefinition type)
    {
        var used = new List<TypeReference?> { type.BaseType };
        used.AddRange(type.Interfaces.Select(i => i.InterfaceType));
        used.AddRange(type.Fields.Select(f => f.FieldType));
        foreach (var method in type.Methods)
        {
            used.Add(method.ReturnType);
            used.AddRange(method.Parameters.Select(p => p.ParameterType));
            if (!method.HasBody)
                continue;
            used.AddRange(method.Body.Variables.Select(v => v.VariableType));
            foreach (var operand in method.Body.Instructions.Select(i => i.Operand))
                used.AddRange(OperandTypes(operand));
        }

        return used.OfType<TypeReference>().SelectMany(WithArguments);
    }

    private static IEnumerable<TypeReference> OperandTypes(object? operand) => operand switch
    {
        TypeReference type => [type],
        MethodReference method => [method.DeclaringType, method.ReturnType, .. method.Parameters.Select(p => p.ParameterType)],
        FieldReference field => [field.DeclaringType, field.FieldType],
        _ => [],
    };

    private static IEnumerable<TypeReference> WithArguments(TypeReference type) => type switch
    {
        GenericInstanceType generic => [generic.ElementType, .. generic.GenericArguments.SelectMany(WithArguments)],
        TypeSpecification special => WithArguments(special.ElementType),
        _ => [type],
    };
}
