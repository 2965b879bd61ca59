using NUnit.Framework;
using Compiler = Rx.IotLink.Tests.Analyzers.CompilerOf<Rx.IotLink.Analyzers.AcceptedTooEarlyAnalyzer, Rx.IotLink.CodeFixes.RemoveOperatorFix>;

namespace Rx.IotLink.Tests.Analyzers;

/// <summary>
/// An operator that queues lines has them accepted before they are handled: the compiler says so (IOTLINK002).
/// </summary>
public sealed class AcceptedTooEarlyTests
{
    [TestCase("link.Lines.{|IOTLINK002:ObserveOn|}(TaskPoolScheduler.Default).Subscribe(Console.WriteLine);")]
    [TestCase("link.Utf8Lines.{|IOTLINK002:ObserveOn|}(TaskPoolScheduler.Default).Subscribe();")]
    [TestCase("link.Lines.Where(l => l.Length > 0).{|IOTLINK002:Delay|}(TimeSpan.FromSeconds(1)).Subscribe();")]
    [TestCase("server.Links.SelectMany(l => l.Lines).{|IOTLINK002:ObserveOn|}(TaskPoolScheduler.Default).Subscribe();")]
    public Task It_is_reported(string statement) => Compiler.CheckAsync(statement);

    [TestCase("link.Lines.Subscribe(Console.WriteLine);")]
    [TestCase("link.Received.ObserveOn(TaskPoolScheduler.Default).Subscribe(line => line.Accept());")]
    [TestCase("link.State.ObserveOn(TaskPoolScheduler.Default).Subscribe();")]
    [TestCase("readings.ObserveOn(TaskPoolScheduler.Default).Subscribe();")]
    public Task Nothing_is_reported(string statement) => Compiler.CheckAsync(statement);

    [Test]
    public Task It_is_mended() => Compiler.CheckFixAsync(
        "link.Lines.ObserveOn(TaskPoolScheduler.Default).Subscribe(Console.WriteLine);",
        0,
        "link.Lines.Subscribe(Console.WriteLine);");
}
