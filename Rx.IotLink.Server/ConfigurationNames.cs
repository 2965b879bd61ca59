using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Reflection;
using Microsoft.Extensions.Configuration;
using Rx.IotLink.Protocol;

namespace Rx.IotLink.Server;

/// <summary>
/// Compares the names of a configuration section with the options. The binder ignores unknown names; a misspelt
/// <c>KeyFile</c> would open the server to everybody.
/// </summary>
internal static class ConfigurationNames
{
    /// <summary>Checks a section.</summary>
    /// <exception cref="ArgumentException">
    /// A name is not an option, an option cannot be given as text, or its text has the wrong form.
    /// </exception>
    [RequiresUnreferencedCode("The options are found by reflection.")]
    public static void Check(IConfiguration section, Type options)
    {
        var known = options.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.SetMethod is { IsPublic: true }).ToDictionary(p => p.Name, StringComparer.OrdinalIgnoreCase);
        foreach (var given in section.GetChildren())
        {
            Require.NotFaulty(known.ContainsKey(given.Key) ? null : $"is no option; the nearest is {Nearest(given.Key, known.Keys)}", Shown(given.Key), NameOf(given));
            CheckShape(given, known[given.Key].PropertyType);
        }
    }

    [RequiresUnreferencedCode("The options are found by reflection.")]
    private static void CheckShape(IConfigurationSection given, Type type)
    {
        var hasChildren = given.GetChildren().Any();
        if (IsText(type))
            Require.NotFaulty(hasChildren ? "has one value, not a list or a section" : null, given.Key, NameOf(given));
        else if (typeof(IEnumerable).IsAssignableFrom(type))
            Require.NotFaulty(!hasChildren && !string.IsNullOrEmpty(given.Value) ? $"is a list: give {given.Key}:0, {given.Key}:1, or an array in JSON" : null, Shown(given.Value ?? ""), NameOf(given));
        else if (hasChildren)
            Check(given, type);
        else
            Require.NotFaulty(string.IsNullOrEmpty(given.Value) ? null : "cannot be given as text; set it in code", given.Key, NameOf(given));
    }

    private static bool IsText(Type type)
    {
        var plain = Nullable.GetUnderlyingType(type) ?? type;
        return plain.IsPrimitive || plain.IsEnum || plain == typeof(string) || plain == typeof(TimeSpan) || plain == typeof(IPAddress);
    }

    private static string NameOf(IConfigurationSection given) => Shown(given.Path);

    /// <summary>Text from outside, safe for a log.</summary>
    private static string Shown(string text) => Printable.Of(text, 80);

    private static string Nearest(string name, IEnumerable<string> known) => known.MinBy(k => Distance(name.ToUpperInvariant(), k.ToUpperInvariant()))!;

    /// <summary>Levenshtein's distance: the least number of letters to insert, delete or replace.</summary>
    private static int Distance(string from, string to)
    {
        var row = Enumerable.Range(0, to.Length + 1).ToArray();
        for (var i = 1; i <= Math.Min(from.Length, 80); i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= to.Length; j++)
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (from[i - 1] == to[j - 1] ? 0 : 1)));
        }

        return row[^1];
    }
}
