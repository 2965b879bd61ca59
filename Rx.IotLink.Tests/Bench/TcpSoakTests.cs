using System.Diagnostics;
using System.Reactive.Subjects;
using NUnit.Framework;
using Rx.IotLink.Tests.Server.Tools;
using TcpSoak.Ends;

namespace Rx.IotLink.Tests.Bench;

/// <summary>The soak over real sockets, for a few seconds of what it does for hours.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
public sealed class TcpSoakTests
{
    [TestCase(2, true)]
    [TestCase(2, false)]
    [TestCase(1, false)]
    public async Task Nothing_is_lost_in_dozens_of_outages(int protocol, bool keys)
    {
        // Protocol 1 distinguishes a repetition from a new line by times, too: a machine that stands still for three
        // timeouts breaks what it rests on (docs/protocol-1.md, "Repeated or restarted").
        var timeout = TimeSpan.FromMilliseconds(protocol == 1 ? 1_000 : 400);
        var plan = new SoakPlan { Links = 8, Outages = 24, Length = TimeSpan.FromSeconds(20), Timeout = timeout, Protocol = protocol, Keys = keys, Seed = 1 };
        using var progress = new Subject<SoakProgress>();
        var outcome = await SoakRun.RunAsync(plan, progress, CancellationToken.None).Within();

        Assert.Multiple(() =>
        {
            Assert.That(outcome.IsDrained);
            Assert.That(outcome.ToServer.IsFlawless, $"{outcome.ToServer}");
            Assert.That(outcome.ToDevices.IsFlawless, $"{outcome.ToDevices}");
            Assert.That(outcome.ToServer.Written, Is.AtLeast(plan.Links));
            Assert.That(outcome.ToDevices.Written, Is.AtLeast(plan.Links));
            Assert.That(outcome.OutagesAtDevices, Is.AtLeast(plan.Outages));
            Assert.That(outcome.Faults.Sum(kind => kind.Outages), Is.AtLeast(1));
            Assert.That(outcome.ProtocolErrors, Is.Zero);
        });
    }

    [TestCase("--links", "0")]
    [TestCase("--outages", "many")]
    [TestCase("--protocol", "3")]
    [TestCase("--drop", "91")]
    [TestCase("--unheard-of")]
    [TestCase("--keys", "--protocol", "1")]
    public async Task Says_in_one_sentence_what_is_wrong_with_an_option(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(TestContext.CurrentContext.TestDirectory, "TcpSoak.dll"), .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        using var process = Process.Start(start)!;
        try
        {
            var output = process.StandardOutput.ReadToEndAsync();
            var errors = await process.StandardError.ReadToEndAsync().Within();
            await process.WaitForExitAsync().Within();

            Assert.That(process.ExitCode, Is.EqualTo(2));
            Assert.That(await output, Is.Empty);
            Assert.That(errors.Trim().Split('\n'), Has.Length.EqualTo(1));
            Assert.That(errors, Does.Contain(arguments[0]));
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }
}
