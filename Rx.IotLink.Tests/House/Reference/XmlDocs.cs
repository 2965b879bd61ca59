using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Rx.IotLink.Tests.House.Reference;

/// <summary>The XML documentation of an assembly, as Markdown.</summary>
internal sealed partial class XmlDocs(Assembly assembly)
{
    private readonly Dictionary<string, XElement> members = XDocument.Load(Path.ChangeExtension(assembly.Location, ".xml"))
        .Descendants("member").ToDictionary(member => member.Attribute("name")!.Value, StringComparer.Ordinal);

    private readonly HashSet<string> exported = [.. assembly.GetExportedTypes().Select(NameOf)];

    /// <summary>Summary and remarks in one line; empty if there are none.</summary>
    public string TextOf(Type type) => TextOf($"T:{NameOf(type)}", type);

    /// <summary>The same of a property or of a value of an enumeration.</summary>
    public string TextOf(MemberInfo member) =>
        TextOf($"{(member is PropertyInfo ? 'P' : 'F')}:{NameOf(member.DeclaringType!)}.{member.Name}", member.DeclaringType!);

    /// <summary>The public members that say that they throw an exception.</summary>
    public IEnumerable<string> Throwing(Type exception) =>
        from member in members
        where member.Value.Elements("exception").Any(e => e.Attribute("cref")!.Value == $"T:{NameOf(exception)}")
        let name = member.Key[2..].Split('(')[0]
        where exported.Contains(name[..name.LastIndexOf('.')])
        select Short(member.Key, within: null);

    private static string NameOf(Type type) => type.FullName!.Replace('+', '.');

    private string TextOf(string name, Type within)
    {
        if (!members.TryGetValue(name, out var member))
            return "";
        var texts = member.Elements().Where(e => e.Name.LocalName is "summary" or "remarks").Select(e => Markdown(e, within));
        return Spaces().Replace(string.Join(' ', texts), " ").Trim();
    }

    private static string Markdown(XElement element, Type within) => string.Concat(element.Nodes().Select(node => node switch
    {
        XText text => text.Value.Replace("|", "\\|", StringComparison.Ordinal).Replace("<", "\\<", StringComparison.Ordinal),
        XElement { Name.LocalName: "see" } see when see.Attribute("cref") is { } cref => $"`{Short(cref.Value, within)}`",
        XElement { Name.LocalName: "see" } see when see.Attribute("langword") is { } word => $"`{word.Value}`",
        XElement { Name.LocalName: "see" } see when see.Attribute("href") is { } address => $"[{(see.Value.Length > 0 ? see.Value : address.Value)}]({address.Value})",
        XElement { Name.LocalName: "paramref" or "typeparamref" } name => $"`{name.Attribute("name")!.Value}`",
        XElement { Name.LocalName: "c" or "code" } code => $"`{code.Value.Replace("|", "\\|", StringComparison.Ordinal)}`",
        XElement other => $" {Markdown(other, within)} ",
        _ => "",
    }));

    /// <summary>What a reader would write for <c>P:Rx.IotLink.LinkOptions.Timeout</c>.</summary>
    private static string Short(string cref, Type? within)
    {
        var (kind, name) = (cref[0], Arity().Replace(cref[2..].Split('(')[0], ""));
        var parts = name.Split('.');
        if (kind == 'T')
            return parts[^1];
        var (type, member) = (parts[^2], parts[^1] == "#ctor" ? "new" : parts[^1]);
        var ending = kind == 'M' && member != "new" ? "()" : "";
        return within?.Name == type ? member + ending : member == "new" ? $"new {type}()" : $"{type}.{member}{ending}";
    }

    [GeneratedRegex(@"\s+", RegexOptions.None, 1_000)]
    private static partial Regex Spaces();

    [GeneratedRegex("`+[0-9]+", RegexOptions.None, 1_000)]
    private static partial Regex Arity();
}
