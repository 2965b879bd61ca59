using System.Xml.Linq;
using NUnit.Framework;

namespace NanoTests;

/// <summary>
/// The files that only the nanoFramework extension of Visual Studio builds, and that nobody here would see break.
/// </summary>
[Parallelizable(ParallelScope.Self)]
public sealed class NanoProjectTests
{
    private static readonly NanoProject[] Projects = [NanoProject.Library, NanoProject.Example, NanoProject.Firmware, NanoProject.I2c];

    [TestCaseSource(nameof(Projects))]
    public void Every_source_is_compiled(object project) =>
        Assert.That(((NanoProject)project).Sources, Is.EquivalentTo(((NanoProject)project).Files));

    [TestCaseSource(nameof(Projects))]
    public void What_is_referred_to_is_what_is_restored(object project)
    {
        var (references, packages) = (((NanoProject)project).References, ((NanoProject)project).Packages);
        Assert.That(references, Has.Count.EqualTo(packages.Count));
        foreach (var (assembly, version, hint) in references)
        {
            var parts = hint.Split('\\');
            var package = packages.Single(p => parts.Contains($"{p.Key}.{p.Value}"));
            Assert.That(version, Is.EqualTo(package.Value + ".0"), assembly);
            Assert.That(parts[^1], Is.EqualTo(assembly + ".dll"));
            Assert.That(parts[^2], Is.EqualTo("lib"));
        }
    }

    [Test]
    public void The_versions_agree_across_all_files()
    {
        var library = NanoProject.Library.Packages;
        var spec = XElement.Load(Path.Combine(NanoProject.Library.Folder, "Rx.IotLink.Nano.nuspec"));
        var dependencies = spec.Descendants().Where(e => e.Name.LocalName == "dependency").ToDictionary(e => e.Attribute("id")!.Value, e => e.Attribute("version")!.Value, StringComparer.Ordinal);

        Assert.That(dependencies, Is.EquivalentTo(library));
        Assert.That(NanoProject.Example.Packages, Is.SupersetOf(library));
        Assert.That(NanoProject.Firmware.Packages, Is.EquivalentTo(library));
        Assert.That(NanoProject.I2c.Packages, Is.SupersetOf(library));
        Assert.That(NanoProject.Example.References.Select(r => r.Hint), Is.All.StartsWith(@"..\..\Rx.IotLink.Nano\packages\"), "packages are restored beside the solution");
    }

    [Test]
    public void The_solution_holds_all_projects()
    {
        var solution = File.ReadAllText(Path.Combine(NanoProject.Library.Folder, "Rx.IotLink.Nano.sln"));
        foreach (var project in Projects)
        {
            var guid = XElement.Load(project.File).Descendants().Single(e => e.Name.LocalName == "ProjectGuid").Value;
            Assert.That(solution, Does.Contain($"{Path.GetFileName(project.File)}\", \"{guid}\""));
        }
    }

    /// <summary>The device's sources that .NET compiles too: all but those that only hardware can run.</summary>
    [Test]
    public void All_but_the_hardware_is_tested_here()
    {
        var compiled = typeof(Rx.IotLink.Nano.IotLinkNanoClient).Assembly.GetTypes().Where(t => !t.IsNested).Select(t => t.Name).ToHashSet(StringComparer.Ordinal);
        var sources = NanoProject.Library.Sources.Where(s => Path.GetFileName(Path.GetDirectoryName(s)) is not ("Device" or "Properties"));
        Assert.That(sources.Select(s => Path.GetFileName(s).Split('.')[0]).Distinct(StringComparer.Ordinal), Is.SubsetOf(compiled));
    }
}
