using System.Reactive;
using System.Reactive.Linq;
using System.Text.Json;
using Microsoft.Reactive.Testing;
using NUnit.Framework;

namespace Rx.IotLink.Tests.Operators;

/// <summary>The requesting side, with a peer played by the test.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class RequestTests
{
    private static readonly RequestOptions Defaults = new() { Session = "s" };
    private readonly TestScheduler scheduler = new();
    private readonly ScriptedLink link = new();
    private readonly RequestOptions options;

    public RequestTests() => options = Defaults with { Scheduler = scheduler };

    [Test]
    public void A_request_is_a_line_with_an_id_and_its_answer_the_line_with_the_same_id()
    {
        var seen = Observe(link.Request("how \"warm\"?\n", options));

        link.Incoming.OnNext("""{"res":"s-1","body":"21.5 °C"}""");

        Assert.That(link.Written, Is.EqualTo(new[] { """{"req":"s-1","body":"how \u0022warm\u0022?\n"}""" }));
        Assert.That(seen, Is.EqualTo(new[] { "21.5 °C", "done" }));
        Assert.That(link.Incoming.HasObservers, Is.False);
    }

    [TestCase("""{"res":"s-1","body":"text"}""", "text")]
    [TestCase("""{ "body" : "text", "v": {"res": 1}, "res" : "s-1" }""", "text")]
    [TestCase("""{"res":"s-1","body":{"a": [1, "é"]}}""", """{"a": [1, "é"]}""")]
    [TestCase("""{"res":"s-1","body":21.5}""", "21.5")]
    [TestCase("""{"res":"s-1","body":null,"error":null}""", "")]
    [TestCase("""{"res":"s-1"}""", "")]
    public void An_answer_may_be_written_in_many_ways(string line, string answer)
    {
        var seen = Observe(link.Request("?", options));

        link.Incoming.OnNext(line);

        Assert.That(seen, Is.EqualTo(new[] { answer, "done" }));
    }

    [TestCase("""{"res":"s-2","body":"of nobody"}""")]
    [TestCase("""{"res":"s-11","body":"of nobody"}""")]
    [TestCase("""{"res":"earlier-1","body":"late, to an earlier process"}""")]
    [TestCase("""{"res":1,"body":"s-1"}""")]
    [TestCase("""{"req":"s-1","body":"a request"}""")]
    [TestCase("""{"req":"s-1","res":"s-1","body":"both"}""")]
    [TestCase("""[{"res":"s-1","body":"in a list"}]""")]
    [TestCase("""{"res":"s-1","body":"cut""")]
    [TestCase("""{"res":"\ud800 s-1","body":"half a pair"}""")]
    [TestCase("""{"a":{"res":"s-1","body":"further in"}}""")]
    [TestCase("s-1")]
    [TestCase("")]
    public void A_line_that_is_not_the_answer_is_left_alone(string line)
    {
        var seen = Observe(link.Request("?", options));

        link.Incoming.OnNext(line);
        Assert.That(seen, Is.Empty);
        link.Incoming.OnNext("""{"res":"s-1","body":"the answer"}""");

        Assert.That(seen, Is.EqualTo(new[] { "the answer", "done" }));
    }

    [Test]
    public void A_second_answer_is_ignored()
    {
        var first = Observe(link.Request("a", options));
        var second = Observe(link.Request("b", options));

        link.Incoming.OnNext("""{"res":"s-1","body":"A"}""");
        link.Incoming.OnNext("""{"res":"s-1","body":"A again"}""");
        link.Incoming.OnNext("""{"res":"s-2","body":"B"}""");

        Assert.That(first, Is.EqualTo(new[] { "A", "done" }));
        Assert.That(second, Is.EqualTo(new[] { "B", "done" }));
    }

    [Test]
    public void Each_subscription_is_a_request_of_its_own()
    {
        var twice = link.Request("?", options);
        var (first, second) = (Observe(twice), Observe(twice));

        link.Incoming.OnNext("""{"res":"s-2","body":"2"}""");
        link.Incoming.OnNext("""{"res":"s-1","body":"1"}""");

        Assert.That(first, Is.EqualTo(new[] { "1", "done" }));
        Assert.That(second, Is.EqualTo(new[] { "2", "done" }));
    }

    [Test]
    public void Without_an_answer_it_times_out_and_takes_the_request_back()
    {
        var takenBack = 0;
        link.OnWrite = _ => Observable.Never<Unit>().Finally(() => takenBack++);
        var seen = Observe(link.Request("?", options with { Timeout = TimeSpan.FromSeconds(3) }));

        scheduler.AdvanceBy(TimeSpan.FromSeconds(3).Ticks - 1);
        Assert.That(seen, Is.Empty);
        scheduler.AdvanceBy(1);
        link.Incoming.OnNext("""{"res":"s-1","body":"late"}""");

        Assert.That(seen, Is.EqualTo(new[] { "TimeoutException: Link 'scripted' brought no answer within 00:00:03." }));
        Assert.That(takenBack, Is.EqualTo(1));
        Assert.That(link.Incoming.HasObservers, Is.False);
    }

    [Test]
    public void An_error_of_the_peer_has_a_type_of_its_own()
    {
        Exception? failure = null;
        using var subscription = link.Request("?", options).Subscribe(_ => { }, error => failure = error);

        link.Incoming.OnNext("""{"res":"s-1","error":"no such valve"}""");

        Assert.That(failure, Is.InstanceOf<RemoteErrorException>().With.Property("RemoteMessage").EqualTo("no such valve").And.Property("Id").EqualTo("scripted"));
    }

    [Test]
    public void A_closed_link_answers_nothing_any_more()
    {
        var seen = Observe(link.Request("?", options));

        link.Incoming.OnCompleted();

        Assert.That(seen.Single(), Does.StartWith("LinkClosedException"));
    }

    [Test]
    public void What_the_link_refuses_and_how_it_fails_comes_through()
    {
        link.OnWrite = _ => Observable.Throw<Unit>(new OutboxFullException("scripted", "limit", 1));
        Assert.That(Observe(link.Request("?", options)).Single(), Does.StartWith("OutboxFullException"));

        link.OnWrite = line => throw new ArgumentException("too long", nameof(line));
        Assert.That(Observe(link.Request("?", options)).Single(), Does.StartWith("ArgumentException"));

        link.OnWrite = _ => Observable.Never<Unit>();
        var seen = Observe(link.Request("?", options));
        link.Incoming.OnError(new LinkRefusedException("scripted", new Outage(OutageReason.ConnectFailed, "for good")));
        Assert.That(seen.Single(), Does.StartWith("LinkRefusedException"));
    }

    [Test]
    public void One_more_than_the_limit_fails_unsent_until_a_place_is_free()
    {
        var two = options with { MaxInFlight = 2 };
        var (first, second, third) = (Observe(link.Request("a", two)), Observe(link.Request("b", two)), Observe(link.Request("c", two)));

        Assert.That(third.Single(), Does.StartWith("TooManyRequestsException: 2 requests of link 'scripted'"));
        Assert.That(link.Written, Has.Count.EqualTo(2));
        link.Incoming.OnNext("""{"res":"s-1"}""");

        Assert.That(first, Has.Count.EqualTo(2));
        Assert.That(second, Is.Empty);
        Assert.That(Observe(link.Request("d", two)), Is.Empty);
    }

    [Test]
    public void By_default_256_may_wait()
    {
        var waiting = Enumerable.Range(0, 256).Select(_ => Observe(link.Request("?", options))).ToList();

        Assert.That(waiting, Has.All.Empty);
        Assert.That(Observe(link.Request("?", options)).Single(), Does.StartWith("TooManyRequestsException"));
    }

    [TestCase("""{"res":"s-1"}""")]
    [TestCase("""{"res":"s-1","error":"no"}""")]
    [TestCase(null)]
    public void The_place_is_free_however_it_ends_and_for_the_observer_already(string? answer)
    {
        var one = options with { MaxInFlight = 1 };
        var next = new List<string>();
        var after = Observable.Defer(() => link.Request("b", one)).Do(next.Add, error => next.Add(error.GetType().Name)).Materialize();
        using var subscription = link.Request("a", one).Materialize().Take(1).SelectMany(_ => after).Subscribe();

        if (answer is not null)
            link.Incoming.OnNext(answer);
        else
            scheduler.AdvanceBy(one.Timeout.Ticks);
        link.Incoming.OnNext("""{"res":"s-2","body":"B"}""");

        Assert.That(next, Is.EqualTo(new[] { "B" }));
    }

    [Test]
    public void Unsubscribing_frees_the_place_and_stops_listening()
    {
        var one = options with { MaxInFlight = 1 };
        link.Request("a", one).Subscribe().Dispose();

        Assert.That(link.Incoming.HasObservers, Is.False);
        Assert.That(Observe(link.Request("b", one)), Is.Empty);
    }

    [Test]
    public void Ids_of_another_link_object_are_others_so_that_late_answers_go_nowhere()
    {
        var restarted = new ScriptedLink();
        using var before = link.Request("?").Subscribe();
        var seen = Observe(restarted.Request("?"));
        var (old, fresh) = (IdOf(link.Written.Single()), IdOf(restarted.Written.Single()));

        Assert.That(old, Does.Match("^[0-9a-f]{16}-1$"));
        Assert.That(fresh, Is.Not.EqualTo(old));
        restarted.Incoming.OnNext($$"""{"res":"{{old}}","body":"late"}""");
        Assert.That(seen, Is.Empty);
        restarted.Incoming.OnNext($$"""{"res":"{{fresh}}","body":"in time"}""");
        Assert.That(seen, Is.EqualTo(new[] { "in time", "done" }));
    }

    [Test]
    public void Bodies_may_be_values()
    {
        var seen = Observe(link.Request(new Order("north", 40), SampleContext.Default.Order, SampleContext.Default.Done, options).Select(done => $"{done}"));

        link.Incoming.OnNext("""{"res":"s-1","body":{"valve":"north","open":true}}""");

        Assert.That(link.Written, Is.EqualTo(new[] { """{"req":"s-1","body":{"valve":"north","percent":40}}""" }));
        Assert.That(seen, Is.EqualTo(new[] { $"{new Done("north", Open: true)}", "done" }));
    }

    [TestCase("""{"res":"s-1","body":"text"}""")]
    [TestCase("""{"res":"s-1","body":null}""")]
    [TestCase("""{"res":"s-1"}""")]
    public void A_value_that_is_none_fails_the_request(string line)
    {
        var seen = Observe(link.Request(new Order("north", 40), SampleContext.Default.Order, SampleContext.Default.Done, options).Select(done => $"{done}"));

        link.Incoming.OnNext(line);

        Assert.That(seen.Single(), Does.StartWith("JsonException"));
    }

    [Test]
    public void An_answer_of_no_account_may_be_anything()
    {
        var seen = Observe(link.Request("?", SampleContext.Default.String, SampleContext.Default.JsonElement, options).Select(body => $"{body.ValueKind}"));

        link.Incoming.OnNext("""{"res":"s-1"}""");

        Assert.That(seen, Is.EqualTo(new[] { nameof(JsonValueKind.Null), "done" }));
    }

    [Test]
    public void Text_that_is_none_fails_the_request()
    {
        var seen = Observe(link.Request("?", options));

        link.Incoming.OnNext("""{"res":"s-1","body":"\ud800"}""");

        Assert.That(seen.Single(), Does.StartWith("JsonException"));
        Assert.That(() => link.Request("\ud800"), Throws.ArgumentException);
    }

    [Test]
    public void The_requests_of_others_and_other_lines_can_be_distinguished()
    {
        var lines = new[] { """{"req":"1"}""", """{"res":"1"}""", """{"req":1,"body":2}""", """{"a":"\"req\""}""", "21.5", """{"req":[1]}""", """{"req":"1","res":"1"}""", "" };

        var others = lines.ToObservable().WithoutRequests().ToEnumerable();

        Assert.That(others, Is.EqualTo(lines[3..]));
    }

    [Test]
    public async Task As_a_task_it_answers_and_fails_likewise()
    {
        var answered = link.RequestAsync("?", options);
        link.Incoming.OnNext("""{"res":"s-1","body":"yes"}""");
        Assert.That(await answered.WaitAsync(TimeSpan.FromMinutes(1)), Is.EqualTo("yes"));

        var failed = link.RequestAsync(new Order("north", 1), SampleContext.Default.Order, SampleContext.Default.Done, options);
        link.Incoming.OnNext("""{"res":"s-2","error":"no"}""");
        Assert.That(() => failed.WaitAsync(TimeSpan.FromMinutes(1)), Throws.InstanceOf<RemoteErrorException>());
    }

    [Test]
    public async Task A_cancelled_task_listens_no_more()
    {
        using var cancelling = new CancellationTokenSource();
        var unsubscribed = new TaskCompletionSource();
        link.OnWrite = _ => Observable.Never<Unit>().Finally(unsubscribed.SetResult);
        var request = link.RequestAsync("?", options, cancelling.Token);

        await cancelling.CancelAsync();

        Assert.That(() => request.WaitAsync(TimeSpan.FromMinutes(1)), Throws.InstanceOf<OperationCanceledException>());
        await unsubscribed.Task.WaitAsync(TimeSpan.FromMinutes(1));
        Assert.That(() => link.RequestAsync("?", options, cancelling.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(link.Written, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task What_awaits_the_task_does_not_run_inside_the_delivery_of_lines()
    {
        SynchronizationContext.SetSynchronizationContext(null);
        using var delivered = new ManualResetEventSlim();
        async Task<bool> AwaitAndBlockAsync()
        {
            await link.RequestAsync("?", options).ConfigureAwait(false);
            return delivered.Wait(TimeSpan.FromSeconds(10));
        }

        var blocking = AwaitAndBlockAsync();
        link.Incoming.OnNext("""{"res":"s-1"}""");
        delivered.Set();

        Assert.That(await blocking.WaitAsync(TimeSpan.FromMinutes(1)));
    }

    [Test]
    public void Options_out_of_range_are_refused_at_the_call()
    {
        Assert.That(() => link.Request("?", new() { Timeout = TimeSpan.Zero }), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => link.Request("?", new() { MaxInFlight = 0 }), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => link.Request("?", new() { Session = "" }), Throws.ArgumentException);
        Assert.That(() => link.Request("?", new() { Session = "a\"b" }), Throws.ArgumentException);
    }

    private static string IdOf(string line) => JsonElement.Parse(line).GetProperty("req").GetString()!;

    /// <summary>What an observer sees, as text.</summary>
    private static List<string> Observe(IObservable<string> source)
    {
        var seen = new List<string>();
        source.Subscribe(seen.Add, error => seen.Add($"{error.GetType().Name}: {error.Message}"), () => seen.Add("done"));
        return seen;
    }
}
