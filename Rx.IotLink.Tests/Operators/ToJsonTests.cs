using System.Reactive.Linq;
using System.Reactive.Subjects;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.Reactive.Testing;
using NUnit.Framework;

namespace Rx.IotLink.Tests.Operators;

internal sealed class ToJsonTests : ReactiveTest
{
    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    [Test]
    public void A_value_becomes_a_line() =>
        Assert.That(new Reading("a", 21.5).ToJson(SampleContext.Default.Reading), Is.EqualTo("""{"sensor":"a","celsius":21.5}"""));

    [Test]
    public void A_stream_becomes_a_stream_of_lines()
    {
        var scheduler = new TestScheduler();
        var values = scheduler.CreateHotObservable(OnNext(210, new Reading("a", 1)), OnNext(220, new Reading("b", 2)), OnCompleted<Reading>(230));

        var seen = scheduler.Start(() => values.ToJson(SampleContext.Default.Reading));

        seen.Messages.AssertEqual(
            OnNext(210, """{"sensor":"a","celsius":1}"""), OnNext(220, """{"sensor":"b","celsius":2}"""), OnCompleted<string>(230));
    }

    [Test]
    public void Everything_but_ASCII_is_escaped()
    {
        var line = new Reading("é\n😀\u2028\u007f", 0).ToJson(SampleContext.Default.Reading);

        Assert.That(Ascii.IsValid(line));
        Assert.That(line, Does.Not.Contain('\n'));
        Assert.That(JsonSerializer.Deserialize(line, SampleContext.Default.Reading)?.Sensor, Is.EqualTo("é\n😀\u2028\u007f"));
    }

    [Test]
    public void A_relaxed_encoder_cannot_bring_other_characters_in()
    {
        Assert.That("<é😀>".ToJson(SampleContext.Relaxed.String), Is.EqualTo("\"<\\u00E9\\uD83D\\uDE00>\""));
        Assert.That("<é😀>".ToJson(Relaxed), Is.EqualTo("\"<\\u00E9\\uD83D\\uDE00>\""));
    }

    [TestCase("{\r\n\t\"a\": \"ü\u007f\"\n}", "{   \"a\": \"\\u00FC\u007f\" }")]
    [TestCase("{\n\"a\": 1}", "{ \"a\": 1}")]
    public void A_converter_that_writes_several_lines_cannot_make_them_of_one_value(string written, string line) =>
        Assert.That(new Raw(written).ToJson(SampleContext.Default.Raw), Is.EqualTo(line));

    [Test]
    public void Any_text_comes_back_as_it_was()
    {
        var random = new Random(1);
        for (var round = 0; round < 2_000; round++)
        {
            var text = new StringBuilder();
            for (var length = random.Next(20); length > 0; length--)
                text.Append(random.Next(3) == 0 ? new Rune(random.Next(0x10000, 0x110000)) : new Rune(random.Next(random.Next(2) == 0 ? 0x80 : 0xd800)));
            var line = text.ToString().ToJson(round % 2 == 0 ? SampleContext.Default.String : SampleContext.Relaxed.String);

            Assert.That(line.All(c => c is >= ' ' and <= '\x7f'), line);
            Assert.That(JsonSerializer.Deserialize(line, SampleContext.Default.String), Is.EqualTo(text.ToString()));
        }
    }

    [Test]
    public void Indenting_is_refused_at_the_call()
    {
        Assert.That(() => "a".ToJson(SampleContext.Indented.String), Throws.ArgumentException);
        Assert.That(() => "a".ToJson(Indented), Throws.ArgumentException);
        Assert.That(() => Observable.Never<string>().ToJson(SampleContext.Indented.String), Throws.ArgumentException);
        Assert.That(() => Observable.Never<string>().ToJson(Indented), Throws.ArgumentException);
    }

    [Test]
    public void A_value_without_JSON_ends_the_stream()
    {
        var scheduler = new TestScheduler();
        var values = scheduler.CreateHotObservable(OnNext(210, new Reading("a", double.NaN)), OnNext(220, new Reading("b", 2)));

        var seen = scheduler.Start(() => values.ToJson(SampleContext.Default.Reading));

        seen.Messages.AssertEqual(OnError<string>(210, error => error is ArgumentException));
    }

    [Test]
    public void A_subject_is_a_stream_and_not_a_value()
    {
        using var values = new Subject<Reading>();
        var seen = new List<string>();
        using var subscription = values.ToJson().Subscribe(seen.Add);

        values.OnNext(new("a", 1));

        Assert.That(seen, Is.EqualTo(new[] { """{"sensor":"a","celsius":1}""" }));
    }

    [Test]
    public void Null_is_written() => Assert.That(((string?)null).ToJson(), Is.EqualTo("null"));
}
