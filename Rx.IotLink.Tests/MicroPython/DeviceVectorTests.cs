using System.Collections.Concurrent;
using NUnit.Framework;
using Rx.IotLink.Tests.House;
using Rx.IotLink.Tests.Processes;

namespace Rx.IotLink.Tests.MicroPython;

/// <summary>The conformance vectors of protocol 2, those of a client, against the device's file.</summary>
[TestFixture(Interpreter.CPython, false)]
[TestFixture(Interpreter.CPython, true)]
[TestFixture(Interpreter.MicroPython, false)]
[TestFixture(Interpreter.MicroPython, true)]
[Parallelizable(ParallelScope.Self)]
public sealed class DeviceVectorTests(string interpreter, bool byteByByte)
{
    private static readonly string Folder = Path.Combine(Repository.Root, "Rx.IotLink.Tests", "Protocol2", "Vectors");
    private readonly ConcurrentDictionary<string, string> verdicts = new(StringComparer.Ordinal);

    [OneTimeSetUp]
    public async Task RunAllAsync()
    {
        Interpreter.Need(interpreter);
        var ran = await RunAsync(Folder);
        foreach (var line in ran.Output.Split('\n').Where(line => line.StartsWith("ok ", StringComparison.Ordinal) || line.StartsWith("failed ", StringComparison.Ordinal)))
            verdicts[line.Split(' ')[1].TrimEnd(':')] = line;
        Assert.That(verdicts, Is.Not.Empty, ran.ToString());
    }

    [TestCaseSource(nameof(Vectors))]
    public void Vector(string name) => Assert.That(verdicts.GetValueOrDefault(name), Is.EqualTo("ok " + name));

    [TestCase("> IOTLINK/2 something else", TestName = "A_wrong_line_is_found")]
    [TestCase("event opened", TestName = "An_event_that_did_not_happen_is_found")]
    [TestCase("", TestName = "A_line_that_nobody_expected_is_found")]
    public async Task A_runner_that_finds_nothing_is_worth_nothing(string expectation)
    {
        var file = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.txt");
        await File.WriteAllLinesAsync(file, ["# t", "role client", "id a", "random 0102030405060708", "connect", expectation]);
        try
        {
            var ran = await RunAsync(file);
            Assert.That(ran.Exit, Is.EqualTo(1), ran.ToString());
            Assert.That(ran.Output, Does.Contain("1 of 1 failed"));
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static IEnumerable<TestCaseData> Vectors() =>
        from file in Directory.EnumerateFiles(Folder, "*.txt").Order(StringComparer.Ordinal)
        where File.ReadAllLines(file).Contains("role client", StringComparer.Ordinal)
        let name = Path.GetFileNameWithoutExtension(file)
        select new TestCaseData(name).SetArgDisplayNames(name);

    private Task<Ended> RunAsync(string what) =>
        Dotnet.RunAsync(interpreter, Repository.Root, [], [Interpreter.Script("vectors.py"), .. byteByByte ? (string[])["--pieces"] : [], what]);
}
