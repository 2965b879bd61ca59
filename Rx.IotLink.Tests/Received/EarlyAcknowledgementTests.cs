using System.Globalization;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Testing;
using Rx.IotLink.Tests.House;
using Rx.IotLink.Tests.Processes;
using Rx.IotLink.Tests.Simulation;

namespace Rx.IotLink.Tests.Received;

/// <summary>
/// What docs/delivery.md says of operators: which of them have a line acknowledged before it is processed, and what to
/// use instead. The page is read, and each operator that it names is tried.
/// </summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed partial class EarlyAcknowledgementTests : IDisposable
{
    private const string AsyncVoid = "Subscribe(async line => …)";

    private static readonly TaskCompletionSource Never = new();

    /// <summary>The clock of the operators, which stands.</summary>
    private static readonly IScheduler Standing = new TestScheduler();

    private readonly SimulatedLink link = SimulatedLink.Start();
    private readonly List<string> processed = [];

    /// <summary>How each operator of the table is used.</summary>
    private Dictionary<string, Func<IObservable<string>, IDisposable>> Early => new(StringComparer.Ordinal)
    {
        ["ObserveOn"] = lines => lines.ObserveOn(Standing).Subscribe(processed.Add),
        ["Delay"] = lines => lines.Delay(1.s(), Standing).Subscribe(processed.Add),
        ["Buffer"] = lines => lines.Buffer(10).Subscribe(some => processed.AddRange(some)),
        ["Window"] = lines => lines.Window(10).SelectMany(some => some.ToList()).Subscribe(some => processed.AddRange(some)),
        ["Sample"] = lines => lines.Sample(1.s(), Standing).Subscribe(processed.Add),
        ["Throttle"] = lines => lines.Throttle(1.s(), Standing).Subscribe(processed.Add),
        ["SelectMany"] = lines => lines.SelectMany(ProcessAsync).Subscribe(),
#pragma warning disable MA0147 // This is what must not be done.
        [AsyncVoid] = lines => lines.Subscribe(ProcessLater),
#pragma warning restore MA0147
    };

    /// <summary>The same for those that work inside OnNext.</summary>
    private static Dictionary<string, Func<IObservable<string>, Action<string>, IDisposable>> Inside => new(StringComparer.Ordinal)
    {
        ["Select"] = (lines, process) => lines.Select(line => line + line).Subscribe(process),
        ["Where"] = (lines, process) => lines.Where(line => line.Length > 0).Subscribe(process),
        ["Do"] = (lines, process) => lines.Do(process).Subscribe(),
        ["Scan"] = (lines, process) => lines.Scan((sum, line) => sum + line).Subscribe(process),
        ["FromJson"] = (lines, process) => lines.FromJson<int>(JsonSerializerOptions.Default).Subscribe(number => process(number.ToString(CultureInfo.InvariantCulture))),
    };

    public void Dispose() => link.Dispose();

    [TestCaseSource(nameof(EarlyOnThePage))]
    public void An_operator_of_the_table_has_a_line_acknowledged_before_it_is_processed(string name)
    {
        Receive(Early[name]);
        Assert.That((processed.Count, link.Client.Counters.Outbox), Is.EqualTo((0, 0)), "acknowledged, and not processed");
    }

    [TestCaseSource(nameof(InsideOnThePage))]
    public void An_operator_of_the_sentence_below_has_it_acknowledged_when_it_is_done(string name)
    {
        var acceptedBefore = 0L;
        Receive(lines => Inside[name](lines, line =>
        {
            acceptedBefore = link.ServerEnd.Counters.LinesReceived;
            processed.Add(line);
        }));
        Assert.That((processed.Count, acceptedBefore, link.Client.Counters.Outbox), Is.EqualTo((1, 0L, 0)));
    }

    [Test]
    public void The_page_names_what_is_tried_here_and_nothing_else()
    {
        Assert.That(EarlyOnThePage(), Is.EquivalentTo(Early.Keys));
        Assert.That(InsideOnThePage(), Is.EquivalentTo(Inside.Keys));
    }

    [Test]
    public void The_page_names_what_is_used_instead()
    {
        Assert.That(Rows().Select(row => row.Groups["instead"].Value), Is.All.Contain("`Process`").Or.Contain("`Accept()`"));
    }

    /// <summary>What the table gives for a buffer.</summary>
    [Test]
    public void Received_lines_of_a_buffer_are_acknowledged_when_each_is_accepted()
    {
        link.Run(1.s());
        var buffers = new List<IList<ReceivedLine>>();
        using var subscription = link.ServerEnd.Received.Buffer(2).Subscribe(buffers.Add);
        link.Client.Writer.OnNext("1");
        link.Client.Writer.OnNext("2");
        link.Run(5.s());
        Assert.That((buffers.Single().Count, link.Client.Counters.Outbox), Is.EqualTo((2, 2)));
        foreach (var line in buffers[0])
            line.Accept();
        link.Run(1.s());
        Assert.That(link.Client.Counters.Outbox, Is.Zero);
    }

    /// <summary>A process of its own: the line was acknowledged, and nobody handles it any more.</summary>
    [Test]
    public async Task An_exception_in_async_void_ends_the_process_after_the_line_was_acknowledged()
    {
        var ended = await Dotnet.RunProgramAsync("Rx.IotLink.Tests", OwnProcess.AsyncVoid);
        Assert.That((ended.Exit == 0, ended.Output), Is.EqualTo((false, "accepted\n")), ended.ToString());
        Assert.That(ended.Errors, Does.Contain("Unhandled exception. System.InvalidOperationException: line 1 is not processed"));
    }

    [Test]
    public async Task An_exception_in_process_ends_nothing_and_the_line_is_acknowledged_when_it_is_processed()
    {
        var ended = await Dotnet.RunProgramAsync("Rx.IotLink.Tests", OwnProcess.WithProcess);
        Assert.That((ended.Exit, ended.Output), Is.EqualTo((0, "line 1 is processed\naccepted\n")), ended.ToString());
    }

#pragma warning disable VSTHRD100, VSTHRD200, MA0147, MA0155 // This is what must not be done.
    private async void ProcessLater(string line) => await ProcessAsync(line).ConfigureAwait(false);
#pragma warning restore VSTHRD100, VSTHRD200, MA0147, MA0155

    [Test]
    public void Process_does_not()
    {
        link.Run(1.s());
        using var processing = link.ServerEnd.Process((line, _) => ProcessAsync(line.Text));
        link.Client.Writer.OnNext("1");
        link.Run(5.s());
        Assert.That((processed.Count, link.Client.Counters.Outbox), Is.EqualTo((0, 1)));
    }

    private void Receive(Func<IObservable<string>, IDisposable> subscribe)
    {
        link.Run(1.s());
        using var subscription = subscribe(link.ServerEnd.Lines);
        link.Client.Writer.OnNext("1");
        link.Run(5.s());
    }

    private async Task<int> ProcessAsync(string line)
    {
        await Never.Task.ConfigureAwait(false);
        processed.Add(line);
        return 0;
    }

    private static IEnumerable<string> EarlyOnThePage() =>
        Rows().SelectMany(row => Code().Matches(row.Groups["operators"].Value)).Select(code => code.Groups["text"].Value);

    private static IEnumerable<string> InsideOnThePage() => Code().Matches(Sentence().Match(Section).Groups["operators"].Value).Select(code => code.Groups["text"].Value);

    private static string Section
    {
        get
        {
            var page = Repository.Read("docs", "delivery.md");
            var start = page.IndexOf("### Operators that acknowledge early", StringComparison.Ordinal);
            return page[start..page.IndexOf("\n## ", start, StringComparison.Ordinal)];
        }
    }

    private static MatchCollection Rows() => Row().Matches(Section);

    // The head of the table has no code in its first column. A remark in parentheses is no operator.
    [GeneratedRegex(@"^\| (?<operators>`[^|]*?)( \(`[^|]*)?\|[^|]*\| (?<instead>[^|]*) \|$", RegexOptions.Multiline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Row();

    [GeneratedRegex("`(?<text>[^`]+)`", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Code();

    [GeneratedRegex("^(?<operators>.*) work inside `OnNext`", RegexOptions.Multiline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Sentence();
}
