using System.Reactive.Linq;
using System.Reactive.Subjects;
using Microsoft.Reactive.Testing;
using NUnit.Framework;

namespace Rx.IotLink.Tests.Operators;

/// <summary>Requests and answers between a real client and a real server, in virtual time.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class RequestOverLinksTests : IDisposable
{
    private readonly TestScheduler scheduler = new();
    private readonly LinkPair pair;
    private readonly RequestOptions options;

    public RequestOverLinksTests()
    {
        pair = new(scheduler, maxLineBytes: 200);
        options = new() { Scheduler = scheduler };
    }

    public void Dispose() => pair.Dispose();

    [Test]
    public void Both_ends_ask_and_answer_at_once_and_other_lines_pass_between()
    {
        var (atServer, atDevice) = (new List<string>(), new List<string>());
        using var others = pair.Server.Lines.WithoutRequests().Subscribe(atServer.Add);
        using var more = pair.Device.Lines.WithoutRequests().Subscribe(atDevice.Add);
        using var server = pair.Server.Respond(body => Observable.Return($"server {body}")).Subscribe();
        using var device = pair.Device.Respond(body => Observable.Return($"device {body}").Delay(TimeSpan.FromSeconds(1), scheduler)).Subscribe();

        var answers = new List<string>();
        for (var i = 0; i < 10; i++)
        {
            pair.Device.Writer.OnNext($"reading {i}");
            pair.Server.Writer.OnNext($$"""{"order":{{i}}}""");
            pair.Server.Request($"{i}", options).Subscribe(answers.Add);
            pair.Device.Request($"{i}", options).Subscribe(answers.Add);
        }

        pair.Advance(TimeSpan.FromSeconds(5));

        Assert.That(answers, Is.EquivalentTo(Enumerable.Range(0, 10).SelectMany(i => new[] { $"server {i}", $"device {i}" })));
        Assert.That(atServer, Is.EqualTo(Enumerable.Range(0, 10).Select(i => $"reading {i}")));
        Assert.That(atDevice, Has.Count.EqualTo(10).And.All.StartsWith("""{"order":"""));
    }

    [Test]
    public void An_answer_survives_an_outage_that_is_shorter_than_the_timeout()
    {
        var answers = new List<string>();
        using var handler = new Subject<string>();
        using var device = pair.Device.Respond(_ => handler).Subscribe();
        using var request = pair.Server.Request("?", options with { Timeout = TimeSpan.FromMinutes(2) }).Subscribe(answers.Add);
        pair.Advance(TimeSpan.FromSeconds(1));

        pair.GoDown();
        pair.Advance(TimeSpan.FromSeconds(5));
        handler.OnNext("!");
        pair.Advance(TimeSpan.FromSeconds(30));
        Assert.That(answers, Is.Empty);
        pair.ComeUp();
        pair.Advance(TimeSpan.FromSeconds(30));

        Assert.That(answers, Is.EqualTo(new[] { "!" }));
    }

    [Test]
    public void A_request_that_timed_out_in_an_outage_never_reaches_the_peer()
    {
        var asked = new List<string>();
        using var device = pair.Device.Respond(body =>
        {
            asked.Add(body);
            return Observable.Return("!");
        }).Subscribe();
        Exception? failure = null;

        pair.GoDown();
        pair.Advance(TimeSpan.FromSeconds(5));
        using var request = pair.Server.Request("open the valve", options).Subscribe(_ => { }, error => failure = error);
        pair.Advance(options.Timeout);
        pair.ComeUp();
        pair.Advance(TimeSpan.FromMinutes(1));
        pair.Server.Request("and now?", options).Subscribe();
        pair.Advance(TimeSpan.FromSeconds(1));

        Assert.That(failure, Is.InstanceOf<TimeoutException>());
        Assert.That(asked, Is.EqualTo(new[] { "and now?" }));
    }

    [Test]
    public void An_answer_that_is_too_long_becomes_an_error_and_a_request_that_is_fails()
    {
        using var device = pair.Device.Respond(_ => Observable.Return(new string('x', 200))).Subscribe();
        var failures = new List<Exception>();

        pair.Server.Request("?", options).Subscribe(_ => { }, failures.Add);
        pair.Server.Request(new string('x', 200), options).Subscribe(_ => { }, failures.Add);
        pair.Advance(TimeSpan.FromSeconds(1));

        Assert.That(failures[0], Is.InstanceOf<ArgumentException>());
        Assert.That(failures[1], Is.InstanceOf<RemoteErrorException>());
    }

    [Test]
    public void A_handler_or_observer_that_throws_harms_nobody_else()
    {
        using var device = pair.Device.Respond(body => body == "bad" ? throw new IOException("bad") : Observable.Return(body)).Subscribe();
        var answers = new List<string>();

        pair.Server.Request("1", options).Subscribe(_ => throw new InvalidOperationException("observer"), _ => { });
        pair.Server.Request("bad", options).Subscribe(answers.Add, error => answers.Add(error.GetType().Name));
        pair.Server.Request("2", options).Subscribe(answers.Add);
        pair.Advance(TimeSpan.FromSeconds(1));

        Assert.That(answers, Is.EqualTo(new[] { "RemoteErrorException", "2" }));
    }

    [Test]
    public void Closing_the_link_ends_requests_and_responders()
    {
        var ends = new List<string>();
        using var responder = pair.Server.Respond(Observable.Return).Subscribe(_ => { }, error => ends.Add(error.GetType().Name), () => ends.Add("completed"));
        using var request = pair.Server.Request("?", options).Subscribe(_ => { }, error => ends.Add(error.GetType().Name));

        pair.CloseServer();
        pair.Advance(TimeSpan.FromSeconds(1));

        Assert.That(ends, Is.EquivalentTo(new[] { "completed", nameof(LinkClosedException) }));
    }

    [Test]
    public void A_device_without_this_library_answers_in_its_own_words()
    {
        // As MicroPython's json.dumps writes it: with blanks, and the names in any order.
        using var device = pair.Device.Lines
            .Where(line => line.Contains("\"req\"", StringComparison.Ordinal))
            .Select(line => System.Text.Json.JsonDocument.Parse(line).RootElement)
            .Select(request => $$"""{"body": 21.5, "res": "{{request.GetProperty("req").GetString()}}"}""")
            .Subscribe(pair.Device.Writer);
        var answers = new List<string>();

        pair.Server.Request("celsius", options).Subscribe(answers.Add);
        pair.Advance(TimeSpan.FromSeconds(1));

        Assert.That(answers, Is.EqualTo(new[] { "21.5" }));
    }
}
