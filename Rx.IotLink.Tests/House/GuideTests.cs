using NUnit.Framework;

namespace Rx.IotLink.Tests.House;

/// <summary>The examples that a guide shows are the ones that run.</summary>
public sealed class GuideTests
{
    [TestCase("SilenceAlarm.cs")]
    [TestCase("Doser.cs")]
    [TestCase("Dashboard.cs")]
    public void The_guide_to_outages_shows_the_example_as_it_is(string file) =>
        Assert.That(Repository.Read("docs", "testing-outages.md"), Does.Contain($"```csharp\n{Repository.Read("examples", "OutageTests", file)}```"));
}
