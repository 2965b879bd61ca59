using NUnit.Framework;
using Rx.IotLink.Tests.Stores.Sqlite;
using Throughput;

namespace Rx.IotLink.Tests.Bench;

/// <summary>The short version of what <c>bench/Throughput</c> measures. No speed is tested.</summary>
internal sealed class ThroughputTests
{
    /// <summary>The measurement itself fails if a line is lost, repeated or out of order.</summary>
    [TestCase("link-32-memory")]
    [TestCase("link-32-sqlite-normal")]
    [TestCase("link-100-sqlite")]
    public async Task Links_with_stores_are_measured_beside_the_same_links_without(string name)
    {
        using var folder = new TemporaryFolder();
        var settings = new Settings(Rounds: 1, Seconds: 0.2, Protocol: 2, Only: [name], Json: null, new DirectoryInfo(folder.ToString()));
        var results = await new Rounds(settings).RunAsync((_, _, _) => { }, CancellationToken.None);

        Assert.That(results.Select(r => r.Measurement.Name), Is.EqualTo(new[] { name[..name.IndexOf('-', "link-".Length)], name }));
        Assert.That(results[0].Samples.Single().RecordsPerCommit, Is.Null, "without a store");
        Assert.That(results[1].Samples.Single().RecordsPerCommit, Is.AtLeast(1), "with one");
        Assert.That(results[1].Baseline, Is.SameAs(results[0].Samples));
        Assert.That(Directory.EnumerateFileSystemEntries(folder.ToString()), Is.Empty, "what is left of the files");
    }
}
