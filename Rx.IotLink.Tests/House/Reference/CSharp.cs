using System.Collections;
using System.Globalization;
using System.Net;
using System.Reflection;

namespace Rx.IotLink.Tests.House.Reference;

/// <summary>Types and values as a reader of C# writes them.</summary>
internal static class CSharp
{
    private static readonly NullabilityInfoContext Nullability = new();

    private static readonly Dictionary<Type, string> Keywords = new()
    {
        [typeof(bool)] = "bool", [typeof(int)] = "int", [typeof(long)] = "long", [typeof(double)] = "double", [typeof(string)] = "string",
        [typeof(object)] = "object", [typeof(byte)] = "byte", [typeof(uint)] = "uint", [typeof(ulong)] = "ulong",
    };

    public static string NameOf(PropertyInfo property) =>
        NameOf(property.PropertyType) + (!property.PropertyType.IsValueType && Nullability.Create(property).ReadState == NullabilityState.Nullable ? "?" : "");

    public static string NameOf(Type type)
    {
        if (Nullable.GetUnderlyingType(type) is { } of)
            return NameOf(of) + "?";
        if (Keywords.TryGetValue(type, out var keyword))
            return keyword;
        if (type.IsArray)
            return NameOf(type.GetElementType()!) + "[]";
        return type.IsGenericType
            ? $"{type.Name.Split('`')[0]}<{string.Join(", ", type.GetGenericArguments().Select(NameOf))}>"
            : type.Name;
    }

    /// <summary>A default; empty where only the text can say it.</summary>
    public static string Show(string option, object? value) => value switch
    {
        int port when option.EndsWith("Port", StringComparison.Ordinal) => port.ToString(CultureInfo.InvariantCulture),
        null => "null",
        bool truth => truth ? "true" : "false",
        TimeSpan time => Show(time),
        int or long or double => string.Create(CultureInfo.InvariantCulture, $"{value:#,0.###}"),
        Enum name => name.ToString(),
        IPAddress address => address.Equals(IPAddress.IPv6Any) ? "all" : address.ToString(),
        string text => text.Length == 0 ? "empty" : text == Environment.MachineName ? "" : text,
        ICollection { Count: 0 } => "none",
        _ => "",
    };

    private static string Show(TimeSpan time)
    {
        (TimeSpan Unit, string Name)[] units =
            [(TimeSpan.FromDays(1), "d"), (TimeSpan.FromHours(1), "h"), (TimeSpan.FromMinutes(1), "min"), (TimeSpan.FromSeconds(1), "s"), (TimeSpan.FromMilliseconds(1), "ms")];
        var (unit, name) = units.FirstOrDefault(unit => time >= unit.Unit && time.Ticks % unit.Unit.Ticks == 0, units[^1]);
        return string.Create(CultureInfo.InvariantCulture, $"{time / unit:0.###} {name}");
    }
}
