using System.Reactive;
using System.Reactive.Linq;
using System.Reactive.Subjects;
using NUnit.Framework;

namespace Rx.IotLink.Tests.Operators;

/// <summary>The answering side, with a peer played by the test.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class RespondTests
{
    private readonly ScriptedLink link = new();
    private readonly List<string> asked = [];

    [TestCase("""{"req":"7","body":"a"}""", "a", """{"res":"7","body":"A"}""")]
    [TestCase("""{ "body": "a", "req": 7 }""", "a", """{"res":7,"body":"A"}""")]
    [TestCase("""{"req":"é\"\\","body":"a"}""", "a", """{"res":"\u00E9\"\\","body":"A"}""")]
    [TestCase("""{"req":"7","body":{"x": 1}}""", """{"x": 1}""", """{"res":"7","body":"{\u0022X\u0022: 1}"}""")]
    [TestCase("""{"req":"7"}""", "", """{"res":"7","body":""}""")]
    [TestCase("""{"req":"7","body":null}""", "", """{"res":"7","body":""}""")]
    [TestCase("""{"req":"7","body":"é","error":"not looked at"}""", "é", """{"res":"7","body":"\u00C9"}""")]
    public void A_request_is_answered_under_the_id_it_came_with(string request, string body, string answer)
    {
        using var subscription = link.Respond(Upper).Subscribe();

        link.Incoming.OnNext(request);

        Assert.That(asked, Is.EqualTo(new[] { body }));
        Assert.That(link.Written, Is.EqualTo(new[] { answer }));
    }

    [TestCase("hello")]
    [TestCase("")]
    [TestCase("""{"res":"7","body":"an answer"}""")]
    [TestCase("""{"req":"7","res":"7"}""")]
    [TestCase("""{"req":null}""")]
    [TestCase("""{"req":{"id":7}}""")]
    [TestCase("""{"req":"7","body":""")]
    [TestCase("""["req","7"]""")]
    [TestCase("""{"celsius":21.5}""")]
    public void Any_other_line_is_left_alone(string line)
    {
        using var subscription = link.Respond(Upper).Subscribe();

        link.Incoming.OnNext(line);

        Assert.That(asked, Is.Empty);
        Assert.That(link.Written, Is.Empty);
    }

    [Test]
    public void An_id_beyond_64_characters_makes_no_request()
    {
        using var subscription = link.Respond(Upper).Subscribe();

        link.Incoming.OnNext($$"""{"req":"{{new string('x', 62)}}","body":"a"}""");
        link.Incoming.OnNext($$"""{"req":"{{new string('x', 63)}}","body":"b"}""");

        Assert.That(asked, Is.EqualTo(new[] { "a" }));
    }

    [Test]
    public void A_handler_that_fails_or_throws_or_gives_nothing_answers_with_an_error()
    {
        using var subscription = link.Respond(body => body switch
        {
            "fail" => Observable.Throw<string>(new IOException("no \"such\" válve")),
            "throw" => throw new InvalidOperationException("thrown"),
            "nothing" => Observable.Empty<string>(),
            _ => null!,
        }).Subscribe();

        foreach (var body in new[] { "fail", "throw", "nothing", "null" })
            link.Incoming.OnNext($$"""{"req":"{{body}}","body":"{{body}}"}""");

        Assert.That(link.Written[..3], Is.EqualTo(new[]
        {
            """{"res":"fail","error":"The handler failed."}""",
            """{"res":"throw","error":"The handler failed."}""",
            """{"res":"nothing","error":"The handler ended without an answer."}""",
        }));
        Assert.That(link.Written[3], Is.EqualTo("""{"res":"null","error":"The handler failed."}"""));
    }

    [Test]
    public void An_error_text_that_throws_ends_nothing()
    {
        var handler = (string body) => body == "good" ? Observable.Return("well") : Observable.Throw<string>(new IOException("no \"such\" válve"));
        using var subscription = link.Respond(handler, new() { ErrorText = error => error.Message.Length > 0 ? throw new InvalidOperationException("secret") : "" }).Subscribe();

        link.Incoming.OnNext("""{"req":"1","body":"bad"}""");
        link.Incoming.OnNext("""{"req":"2","body":"good"}""");

        Assert.That(link.Written, Is.EqualTo(new[] { """{"res":"1","error":"The handler failed."}""", """{"res":"2","body":"well"}""" }));
    }

    [Test]
    public void An_error_text_of_ones_own_is_sent_as_json()
    {
        var handler = (string _) => Observable.Throw<string>(new IOException("no \"such\" válve"));
        using var subscription = link.Respond(handler, new() { ErrorText = error => error.Message }).Subscribe();

        link.Incoming.OnNext("""{"req":"7"}""");

        Assert.That(link.Written.Single(), Is.EqualTo("""{"res":"7","error":"no \u0022such\u0022 v\u00E1lve"}"""));
    }

    [Test]
    public void What_errors_say_is_the_owner_s_choice_and_cut()
    {
        var handler = (string _) => Observable.Throw<string>(new IOException("secret"));
        using var subscription = link.Respond(handler, new() { ErrorText = _ => "\ud800" + string.Concat(Enumerable.Repeat("😀", 600)) }).Subscribe();

        link.Incoming.OnNext("""{"req":"7"}""");

        Assert.That(link.Written.Single(), Is.EqualTo(
            "{\"res\":\"7\",\"error\":\"\\uFFFD" + string.Concat(Enumerable.Repeat("\\uD83D\\uDE00", 499)) + "\"}"));
    }

    [Test]
    public void Only_the_first_value_is_the_answer_and_the_handler_is_released()
    {
        using var answers = new Subject<string>();
        using var subscription = link.Respond(_ => answers).Subscribe();
        link.Incoming.OnNext("""{"req":"7"}""");

        answers.OnNext("first");
        Assert.That(answers.HasObservers, Is.False);
        answers.OnNext("second");

        Assert.That(link.Written, Is.EqualTo(new[] { """{"res":"7","body":"first"}""" }));
    }

    [Test]
    public void An_answer_that_is_no_line_is_replaced_by_an_error()
    {
        link.OnWrite = line => line.Contains("body", StringComparison.Ordinal) ? throw new ArgumentException("The line is too long.", nameof(line)) : Observable.Return(Unit.Default);
        var seen = new List<Unit>();
        using var subscription = link.Respond(Upper).Subscribe(seen.Add);

        link.Incoming.OnNext("""{"req":"7"}""");

        Assert.That(link.Written, Has.Count.EqualTo(2));
        Assert.That(link.Written[1], Is.EqualTo("""{"res":"7","error":"The line is too long. (Parameter \u0027line\u0027)"}"""));
        Assert.That(seen, Has.Count.EqualTo(1));
    }

    [Test]
    public void Beyond_the_limit_it_is_busy_and_beyond_that_silent()
    {
        var answers = new Dictionary<string, Subject<string>>(StringComparer.Ordinal);
        var accepted = new List<Subject<Unit>>();
        link.OnWrite = _ =>
        {
            accepted.Add(new());
            return accepted[^1];
        };
        using var subscription = link.Respond(body => answers[body] = new(), new() { MaxInFlight = 2 }).Subscribe();

        foreach (var request in new[] { "a", "b", "c", "d", "e" })
            Ask(request);
        Assert.That(answers.Keys, Is.EqualTo(new[] { "a", "b" }));
        Assert.That(link.Written, Is.EqualTo(new[] { """{"res":"c","error":"busy"}""", """{"res":"d","error":"busy"}""" }));

        // A place is free when the peer has accepted the answer, not before.
        answers["a"].OnNext("A");
        accepted[0].OnCompleted();
        Ask("f");
        Assert.That(link.Written[2..], Is.EqualTo(new[] { """{"res":"a","body":"A"}""", """{"res":"f","error":"busy"}""" }));
        accepted[2].OnCompleted();
        Ask("g");
        Assert.That(answers.Keys, Is.EqualTo(new[] { "a", "b", "g" }));
    }

    [Test]
    public void An_answer_that_cannot_be_written_fails_the_result_which_can_be_tried_again()
    {
        link.OnWrite = _ => Observable.Throw<Unit>(new OutboxFullException("scripted", "limit", 1));
        Exception? failure = null;
        using var subscription = link.Respond(Upper).Subscribe(_ => { }, error => failure = error);

        link.Incoming.OnNext("""{"req":"7"}""");

        Assert.That(failure, Is.InstanceOf<OutboxFullException>());
        Assert.That(link.Incoming.HasObservers, Is.False);
    }

    [Test]
    public void The_end_of_the_link_completes_it_without_an_error()
    {
        using var answer = new Subject<string>();
        var ended = new List<string>();
        using var subscription = link.Respond(_ => answer).Subscribe(_ => { }, error => ended.Add(error.Message), () => ended.Add("completed"));
        link.Incoming.OnNext("""{"req":"7"}""");

        link.OnWrite = _ => Observable.Throw<Unit>(new LinkClosedException("scripted", "now"));
        link.Incoming.OnCompleted();
        answer.OnNext("too late");

        Assert.That(ended, Is.EqualTo(new[] { "completed" }));
    }

    [Test]
    public void Unsubscribing_releases_handlers_and_lines()
    {
        using var answer = new Subject<string>();
        var subscription = link.Respond(_ => answer).Subscribe();
        link.Incoming.OnNext("""{"req":"7"}""");

        subscription.Dispose();

        Assert.That(answer.HasObservers, Is.False);
        Assert.That(link.Incoming.HasObservers, Is.False);
    }

    [Test]
    public void Values_are_read_and_written_as_JSON_and_bad_ones_answered_with_an_error()
    {
        using var subscription = link.Respond(
            (Order order) => Observable.Return(new Done(order.Valve, order.Percent > 0)), SampleContext.Default.Order, SampleContext.Default.Done).Subscribe();

        link.Incoming.OnNext("""{"req":1,"body":{"valve":"nörth","percent":40}}""");
        link.Incoming.OnNext("""{"req":2,"body":{"valve":"north","percent":"all"}}""");
        link.Incoming.OnNext("""{"req":3}""");

        Assert.That(link.Written[0], Is.EqualTo("""{"res":1,"body":{"valve":"n\u00F6rth","open":true}}"""));
        Assert.That(link.Written[1], Is.EqualTo("""{"res":2,"error":"The handler failed."}"""));
        Assert.That(link.Written[2], Is.EqualTo("""{"res":3,"error":"The handler failed."}"""));
    }

    [Test]
    public void A_handler_may_be_a_task_which_is_cancelled_by_unsubscribing()
    {
        var answer = new TaskCompletionSource<string>();
        CancellationToken cancelled = default;
        var subscription = link.Respond((body, token) =>
        {
            asked.Add(body);
            cancelled = token;
            return body == "now" ? Task.FromResult("A") : answer.Task;
        }).Subscribe();

        link.Incoming.OnNext("""{"req":"7","body":"now"}""");
        link.Incoming.OnNext("""{"req":"8","body":"later"}""");
        Assert.That(cancelled.IsCancellationRequested, Is.False);
        subscription.Dispose();

        Assert.That(asked, Is.EqualTo(new[] { "now", "later" }));
        Assert.That(link.Written, Is.EqualTo(new[] { """{"res":"7","body":"A"}""" }));
        Assert.That(cancelled.IsCancellationRequested);
    }

    [Test]
    public void A_task_s_values_are_JSON_too()
    {
        using var subscription = link.Respond(
            (Order order, CancellationToken _) => Task.FromResult(new Done(order.Valve, Open: true)), SampleContext.Default.Order, SampleContext.Default.Done).Subscribe();

        link.Incoming.OnNext("""{"req":1,"body":{"valve":"north","percent":40}}""");

        Assert.That(link.Written, Is.EqualTo(new[] { """{"res":1,"body":{"valve":"north","open":true}}""" }));
    }

    [Test]
    public void Options_out_of_range_are_refused_at_the_call()
    {
        Assert.That(() => link.Respond(Upper, new() { MaxInFlight = 0 }), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => link.Respond(Upper, new() { ErrorText = null! }), Throws.ArgumentNullException);
        Assert.That(
            () => link.Respond((string _) => Observable.Return("a"), SampleContext.Default.String, SampleContext.Indented.String), Throws.ArgumentException);
    }

    private void Ask(string id) => link.Incoming.OnNext($$"""{"req":"{{id}}","body":"{{id}}"}""");

    private IObservable<string> Upper(string body)
    {
        asked.Add(body);
        return Observable.Return(body.ToUpperInvariant());
    }
}
