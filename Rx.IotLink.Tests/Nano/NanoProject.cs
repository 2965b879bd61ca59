using System.Xml.Linq;
using Rx.IotLink.Tests.House;

namespace NanoTests;

/// <summary>A hand-written nanoFramework project: what it compiles and what it refers to.</summary>
internal sealed class NanoProject
{
    private static readonly XNamespace Build = "http://schemas.microsoft.com/developer/msbuild/2003";
    private readonly XElement root;

    private NanoProject(params string[] path)
    {
        File = Path.Combine([Repository.Root, .. path]);
        root = XElement.Load(File);
    }

    public static NanoProject Library { get; } = new("Rx.IotLink.Nano", "Rx.IotLink.Nano.nfproj");

    public static NanoProject Example { get; } = new("examples", "Esp32Sensor", "Esp32Sensor.nfproj");

    public static NanoProject Firmware { get; } = new("examples", "Esp32Bridge", "Esp32Bridge.nfproj");

    public static NanoProject I2c { get; } = new("Rx.IotLink.Nano.I2c", "Rx.IotLink.Nano.I2c.nfproj");

    public string File { get; }

    public string Folder => Path.GetDirectoryName(File)!;

    /// <summary>The sources it compiles, as full paths.</summary>
    public IReadOnlyList<string> Sources => [.. Items("Compile").Select(i => Full(i.Attribute("Include")!.Value))];

    /// <summary>What it refers to: the name of the assembly, its version there, and where it is looked for.</summary>
    public IReadOnlyList<(string Assembly, string Version, string Hint)> References =>
        [.. Items("Reference").Select(i => i.Attribute("Include")!.Value.Split(", ")).Zip(Items("Reference"), (parts, item) => (parts[0], parts[1]["Version=".Length..], item.Element(Build + "HintPath")!.Value))];

    /// <summary>The packages of its packages.config, with their versions.</summary>
    public IReadOnlyDictionary<string, string> Packages =>
        XElement.Load(Path.Combine(Folder, "packages.config")).Elements("package").ToDictionary(p => p.Attribute("id")!.Value, p => p.Attribute("version")!.Value, StringComparer.Ordinal);

    /// <summary>The sources that lie in its folder.</summary>
    public IEnumerable<string> Files => Directory.EnumerateFiles(Folder, "*.cs", SearchOption.AllDirectories)
        .Where(f => Path.GetRelativePath(Folder, f).Split(Path.DirectorySeparatorChar) is var parts && !parts.Contains("bin") && !parts.Contains("obj") && !parts.Contains("packages") && parts[0] != "Desktop");

    private IEnumerable<XElement> Items(string name) => root.Descendants(Build + name);

    private string Full(string include) => Path.Combine(Folder, include.Replace('\\', Path.DirectorySeparatorChar));
}
