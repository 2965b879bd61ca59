using System.Reactive.Linq;
using System.Reactive.Subjects;
using System.Text.Json;
using Microsoft.Reactive.Testing;
using NUnit.Framework;

namespace Rx.IotLink.Tests.Operators;

internal sealed class FromJsonTests : ReactiveTest
{
    private const string Good = """{"sensor":"a","celsius":21.5}""";
    private static readonly Reading GoodReading = new("a", 21.5);

    private static IEnumerable<TestCaseData<string>> BadLines()
    {
        yield return new TestCaseData<string>("").SetArgDisplayNames("empty");
        yield return new TestCaseData<string>("hello").SetArgDisplayNames("no JSON");
        yield return new TestCaseData<string>("""{"sensor":"a","celsius":2""").SetArgDisplayNames("cut");
        yield return new TestCaseData<string>(Good + "}").SetArgDisplayNames("more after it");
        yield return new TestCaseData<string>("[1]").SetArgDisplayNames("an array");
        yield return new TestCaseData<string>("21.5").SetArgDisplayNames("a number");
        yield return new TestCaseData<string>("null").SetArgDisplayNames("null");
        yield return new TestCaseData<string>("""{"sensor":"a","celsius":"hot"}""").SetArgDisplayNames("a property of another type");
        yield return new TestCaseData<string>("""{"sensor":"\ud800","celsius":1}""").SetArgDisplayNames("half a pair, escaped");
        yield return new TestCaseData<string>("{\"sensor\":\"\ud800\",\"celsius\":1}").SetArgDisplayNames("half a pair");
        yield return new TestCaseData<string>(new string('[', 10_000)).SetArgDisplayNames("deep");
    }

    [Test]
    public void Each_line_becomes_a_value_at_its_time()
    {
        var scheduler = new TestScheduler();
        var lines = scheduler.CreateHotObservable(
            OnNext(210, Good), OnNext(220, """{ "celsius": -3, "sensor": "b", "unknown": [1] }"""), OnCompleted<string>(230));

        var seen = scheduler.Start(() => lines.FromJson(SampleContext.Default.Reading));

        seen.Messages.AssertEqual(OnNext(210, GoodReading), OnNext(220, new Reading("b", -3)), OnCompleted<Reading>(230));
        lines.Subscriptions.AssertEqual(Subscribe(200, 230));
    }

    [TestCaseSource(nameof(BadLines))]
    public void A_bad_line_is_skipped_and_reported_and_the_next_one_read(string bad)
    {
        var scheduler = new TestScheduler();
        var told = new List<(string Line, JsonException Error)>();
        var lines = scheduler.CreateHotObservable(OnNext(210, bad), OnNext(220, Good));

        var seen = scheduler.Start(() => lines.FromJson(SampleContext.Default.Reading, (line, error) => told.Add((line, error))));

        seen.Messages.AssertEqual(OnNext(220, GoodReading));
        Assert.That(told.Select(x => x.Line), Is.EqualTo(new[] { bad }));
        Assert.That(told[0].Error.Message, Is.Not.Empty);
    }

    [TestCaseSource(nameof(BadLines))]
    public void A_bad_line_is_skipped_if_nobody_wants_reports(string bad)
    {
        var seen = new[] { bad, Good }.ToObservable().FromJson(SampleContext.Default.Reading).ToEnumerable();

        Assert.That(seen, Is.EqualTo(new[] { GoodReading }));
    }

    [TestCaseSource(nameof(BadLines))]
    public void TryFromJson_leaves_no_line_out(string bad)
    {
        var seen = new[] { bad, Good }.ToObservable().TryFromJson(SampleContext.Default.Reading).ToEnumerable().ToList();

        Assert.That(seen, Has.Count.EqualTo(2));
        Assert.That(seen[0], Has.Property("Line").EqualTo(bad).And.Property("IsValid").False.And.Property("Value").Null);
        Assert.That(seen[0].Error, Is.Not.Null);
        Assert.That(seen[1], Is.EqualTo(new JsonLine<Reading>(Good, GoodReading, Error: null)));
        Assert.That(seen[1].IsValid);
    }

    [Test]
    public void A_value_that_the_type_will_not_have_makes_a_bad_line_with_the_reason_inside()
    {
        var seen = new[] { """{"percent":101}""", """{"percent":100}""" }.ToObservable().TryFromJson(SampleContext.Default.Percentage).ToEnumerable().ToList();

        Assert.That(seen[0].Error?.InnerException, Is.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(seen[1].Value?.Percent, Is.EqualTo(100));
    }

    [Test]
    public void What_onBadLine_throws_ends_the_stream()
    {
        var scheduler = new TestScheduler();
        var lines = scheduler.CreateHotObservable(OnNext(210, "bad"), OnNext(220, Good));

        var seen = scheduler.Start(() => lines.FromJson(SampleContext.Default.Reading, (_, error) => throw error));

        seen.Messages.AssertEqual(OnError<Reading>(210, error => error is JsonException));
        lines.Subscriptions.AssertEqual(Subscribe(200, 210));
    }

    [Test]
    public void A_type_that_cannot_be_read_is_no_bad_line()
    {
        Exception? failure = null;
        new[] { "1" }.ToObservable().FromJson(SampleContext.Default.Raw).Subscribe(_ => { }, error => failure = error);

        Assert.That(failure, Is.InstanceOf<NotSupportedException>());
    }

    [Test]
    public void The_source_s_error_comes_through()
    {
        var scheduler = new TestScheduler();
        var broken = new IOException("broken");

        var seen = scheduler.Start(() => scheduler.CreateHotObservable(OnError<string>(210, broken)).FromJson(SampleContext.Default.Reading));

        seen.Messages.AssertEqual(OnError<Reading>(210, broken));
    }

    [Test]
    public void With_reflection_a_device_s_lower_case_names_find_their_properties()
    {
        using var lines = new Subject<string>();
        var seen = new List<Reading>();
        var bad = new List<string>();
        using var subscription = lines.FromJson<Reading>(onBadLine: (line, _) => bad.Add(line)).Subscribe(seen.Add);

        lines.OnNext(Good);
        lines.OnNext("?");

        Assert.That(seen, Is.EqualTo(new[] { GoodReading }));
        Assert.That(bad, Is.EqualTo(new[] { "?" }));
    }

    [Test]
    public void With_reflection_the_given_options_count()
    {
        var seen = Observable.Return("""{"SENSOR":"a","CELSIUS":21.5}""")
            .TryFromJson<Reading>(new JsonSerializerOptions { PropertyNameCaseInsensitive = true }).Wait();

        Assert.That(seen.Value, Is.EqualTo(GoodReading));
    }
}
