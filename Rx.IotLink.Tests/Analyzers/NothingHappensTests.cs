using NUnit.Framework;
using Compiler = Rx.IotLink.Tests.Analyzers.CompilerOf<Rx.IotLink.Analyzers.NothingHappensAnalyzer, Rx.IotLink.CodeFixes.SubscribeFix>;

namespace Rx.IotLink.Tests.Analyzers;

/// <summary>A write that nobody subscribes to writes nothing: the compiler says so (IOTLINK001).</summary>
public sealed class NothingHappensTests
{
    [TestCase("""{|IOTLINK001:link.Write("on")|};""")]
    [TestCase("""_ = {|IOTLINK001:link.Write("on")|};""")]
    [TestCase("""{|IOTLINK001:readings.WriteTo(link)|};""")]
    [TestCase("""{|IOTLINK001:readings.Where(r => r != "").WriteTo(link)|};""")]
    [TestCase("""{|IOTLINK001:link.Respond((question, _) => Task.FromResult("21.5"))|};""")]
    [TestCase("""{|IOTLINK001:link.Write("on").Timeout(TimeSpan.FromSeconds(9))|};""")]
    public Task It_is_reported(string statement) => Compiler.CheckAsync(statement);

    [TestCase("""link.Write("on").Subscribe();""")]
    [TestCase("""using var writing = readings.WriteTo(link).Subscribe();""")]
    [TestCase("""await link.Write("on");""")]
    [TestCase("""var later = link.Write("on"); later.Subscribe();""")]
    [TestCase("""await link.WriteAsync("on");""")]
    [TestCase("""readings.Do(Console.WriteLine);""")]
    [TestCase("""link.Lines.Subscribe(Console.WriteLine);""")]
    public Task Nothing_is_reported(string statement) => Compiler.CheckAsync(statement);

    [TestCase("""link.Write("on");""", 0, """await link.WriteAsync("on");""")]
    [TestCase("""link.Write("on");""", 1, """link.Write("on").Subscribe();""")]
    [TestCase("""_ = link.Write("on");""", 0, """await link.WriteAsync("on");""")]
    [TestCase("""readings.WriteTo(link);""", 0, """readings.WriteTo(link).Subscribe();""")]
    public Task It_is_mended(string statement, int fix, string mended) => Compiler.CheckFixAsync(statement, fix, mended);
}
