using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Cli;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Webhooks;

/// <summary>Lines of real devices at a real receiver, which fails, hangs and dies.</summary>
public sealed class WebhookTests : ServerTest
{
    private static readonly BackOff Soon = new() { Initial = TimeSpan.FromMilliseconds(10), Cap = TimeSpan.FromMilliseconds(50) };

    [Test]
    public async Task A_line_is_acknowledged_when_the_receiver_has_answered_and_not_before()
    {
        var receiver = await StartReceiverAsync();
        var (asked, answer) = (new TaskCompletionSource(), new TaskCompletionSource());
        receiver.Answer = (_, _) =>
        {
            asked.TrySetResult();
            return answer.Task;
        };
        var server = await StartServerAsync();
        var webhook = Start(server, receiver, options => options with { Token = "a-secret" });
        var client = StartClient(server, "pump 1#@");

        var accepting = client.WriteAsync("""{"celsius":21.5,"at":"ö"}""");
        await asked.Task.Within();
        Assert.That((accepting.IsCompleted, webhook.Counters.Running, webhook.Counters.Posted), Is.EqualTo((false, 1, 0L)));
        answer.SetResult();
        await accepting.Within();

        var post = receiver.Posts.Single();
        Assert.That((post.Id, post.Line, post.Authorization, post.Path), Is.EqualTo(("pump 1#@", """{"celsius":21.5,"at":"ö"}""", "Bearer a-secret", "/lines")));
        Assert.That(post.Key, Is.EqualTo(string.Create(CultureInfo.InvariantCulture, $"\"pump%201%23%40/{post.Epoch}/{post.Number}\"")));
        Assert.That(webhook.Counters, Is.EqualTo(new WebhookCounters { Posted = 1, Failed = 0, Dropped = 0, Running = 0, LastStatus = System.Net.HttpStatusCode.OK }));
    }

    [TestCase(500)]
    [TestCase(404)]
    [TestCase(302)]
    [TestCase(0)]
    public async Task What_is_not_2xx_is_posted_again_under_the_same_key_and_what_follows_waits(int status)
    {
        var receiver = await StartReceiverAsync();
        var failures = 0;
        receiver.Answer = (post, context) =>
        {
            if (post.Line != "line 3" || Interlocked.Increment(ref failures) > 3)
                return Task.CompletedTask;
            if (status == 0)
                context.Abort();
            context.Response.StatusCode = status == 0 ? 200 : status;
            context.Response.Headers.Location = "/elsewhere";
            return Task.CompletedTask;
        };
        var server = await StartServerAsync();
        var webhook = Start(server, receiver);
        var client = StartClient(server, "pump-1");
        var notices = (await server.WaitForAsync("pump-1").Within()).Notices.Record();
        await Task.WhenAll(Enumerable.Range(1, 5).Select(n => client.WriteAsync($"line {n}"))).Within();

        Assert.That(receiver.Posts.Select(post => post.Line), Is.EqualTo(new[] { "line 1", "line 2", "line 3", "line 3", "line 3", "line 3", "line 4", "line 5" }));
        Assert.That(receiver.Posts.Where(post => post.Line == "line 3").Select(post => post.Key).Distinct().Count(), Is.EqualTo(1));
        Assert.That(receiver.Posts.Select(post => post.Key).Distinct().Count(), Is.EqualTo(5));
        Assert.That((webhook.Counters.Posted, webhook.Counters.Failed), Is.EqualTo((5L, 3L)));
        var told = (await notices.UntilAsync(all => all.Count(n => n.Kind == LinkNoticeKind.HandlerFailed) == 3)).First(n => n.Kind == LinkNoticeKind.HandlerFailed).Detail;
        Assert.That(told, status == 0 ? Does.Contain("HttpRequestException") : Does.EndWith($"{receiver.Url.GetLeftPart(UriPartial.Authority)} answered {status}, not 2xx."));
        Assert.That(notices.Values.Select(n => n.Detail), Has.None.Contains("secret"));
    }

    [Test]
    public async Task A_receiver_that_hangs_costs_its_time_and_an_endless_answer_nothing()
    {
        var receiver = await StartReceiverAsync();
        var hung = 0;
        receiver.Answer = async (post, context) =>
        {
            if (post.Line == "hang" && Interlocked.Increment(ref hung) == 1)
                await new TaskCompletionSource().Task.WaitAsync(context.RequestAborted);
            if (post.Line != "endless")
                return;
            var rubbish = new byte[4_096];
            while (!context.RequestAborted.IsCancellationRequested)
                await context.Response.Body.WriteAsync(rubbish, context.RequestAborted);
        };
        var server = await StartServerAsync();
        var webhook = Start(server, receiver, options => options with { Process = options.Process with { HandlerTimeout = TimeSpan.FromMilliseconds(300) } });
        var client = StartClient(server, "pump-1");

        await client.WriteAsync("hang").Within();
        await client.WriteAsync("endless").Within();
        await client.WriteAsync("last").Within();
        Assert.That(receiver.Posts.Select(post => post.Line).Distinct(), Is.EqualTo(new[] { "hang", "endless", "last" }));
        Assert.That(hung, Is.GreaterThan(1));
        Assert.That(webhook.Counters.Failed, Is.GreaterThanOrEqualTo(1));
    }

    [Test]
    public async Task A_receiver_that_dies_all_the_time_misses_nothing()
    {
        var port = FreePort.Get();
        var receiver = await Receiver.StartAsync(port);
        var server = await StartServerAsync();
        Start(server, receiver);
        var clients = Enumerable.Range(1, 4).Select(n => StartClient(server, $"pump-{n}")).ToArray();
        var writing = Task.WhenAll(clients.Select(client => Task.WhenAll(Enumerable.Range(1, 100).Select(n => client.WriteAsync($"line {n}")))));

        var all = new List<Post>();
        for (var deaths = 0; deaths < 5; deaths++)
        {
            var dying = receiver;
            await Bound.EventuallyAsync(() => dying.Posts.Count >= 20 || writing.IsCompleted);
            await dying.DisposeAsync();
            all.AddRange(dying.Posts);
            receiver = await Receiver.StartAsync(port);
        }

        await writing.Within();
        await receiver.DisposeAsync();
        all.AddRange(receiver.Posts);
        foreach (var client in clients)
        {
            var once = all.Where(post => post.Id == client.Id).DistinctBy(post => post.Key).ToArray();
            Assert.That(once.Select(post => post.Line), Is.EqualTo(Enumerable.Range(1, 100).Select(n => $"line {n}")));
            Assert.That(once.Select(post => post.Number), Is.Ordered.Ascending.And.Unique);
        }

        await TestContext.Out.WriteLineAsync($"{all.Count - 400} repeats after 5 deaths");
    }

    [Test]
    public async Task Only_so_many_requests_run_at_a_time_and_one_of_each_device()
    {
        var receiver = await StartReceiverAsync();
        var (answer, running, most) = (new TaskCompletionSource(), 0, 0);
        receiver.Answer = async (_, _) =>
        {
            most = Math.Max(most, Interlocked.Increment(ref running));
            await answer.Task;
            Interlocked.Decrement(ref running);
        };
        var server = await StartServerAsync();
        Start(server, receiver, options => options with { Process = options.Process with { MaxConcurrent = 3 } });
        var clients = Enumerable.Range(1, 6).Select(n => StartClient(server, $"pump-{n}")).ToArray();
        var writing = Task.WhenAll(clients.SelectMany(client => (string[])["1", "2"], (client, line) => client.WriteAsync(line)));
        await Bound.EventuallyAsync(() => receiver.Posts.Count == 3);
        await Task.WhenAll(clients.Select(client => client.WaitUntilUpAsync())).Within();
        Assert.That((receiver.Posts.Count, receiver.Posts.Select(post => post.Id).Distinct().Count()), Is.EqualTo((3, 3)));
        answer.SetResult();
        await writing.Within();
        Assert.That((most, receiver.Posts.Count), Is.EqualTo((3, 12)));
    }

    [Test]
    public async Task A_best_effort_line_is_posted_once()
    {
        var receiver = await StartReceiverAsync();
        receiver.Answer = (post, context) =>
        {
            context.Response.StatusCode = post.Line == "now" ? 503 : 204;
            return Task.CompletedTask;
        };
        var server = await StartServerAsync();
        var webhook = Start(server, receiver);
        var client = StartClient(server, "pump-1");
        await client.WaitUntilUpAsync().Within();
        await client.WriteAsync("now", Delivery.BestEffort).Within();
        await Bound.EventuallyAsync(() => webhook.Counters is { Dropped: 1, Running: 0 });
        await client.WriteAsync("line").Within();
        Assert.That(receiver.Posts.Select(post => post.Line), Is.EqualTo(new[] { "now", "line" }));
    }

    [Test]
    public async Task What_is_printed_is_what_the_receiver_has_and_dead_letters_are_taken()
    {
        var receiver = await StartReceiverAsync();
        receiver.Answer = (post, context) =>
        {
            context.Response.StatusCode = post.Line == "poison" ? 422 : 204;
            return Task.CompletedTask;
        };
        var (had, dead, thrown) = (new List<string>(), new List<DeadLetter>(), 0);
        var server = await StartServerAsync();
        Start(server, receiver, options => options with
        {
            Posted = line =>
            {
                if (line.Text == "first" && Interlocked.Increment(ref thrown) == 1)
                    throw new InvalidOperationException("The callback is broken.");
                had.Add(line.Text);
            },
            Process = options.Process with
            {
                MaxAttempts = 2,
                DeadLetters = (letter, _) =>
                {
                    dead.Add(letter);
                    return Task.CompletedTask;
                },
            },
        });
        var client = StartClient(server, "pump-1");
        foreach (var line in (string[])["first", "poison", "last"])
            await client.WriteAsync(line).Within();
        Assert.That(had, Is.EqualTo(new[] { "first", "last" }));
        Assert.That(receiver.Posts.Select(post => post.Line), Is.EqualTo(new[] { "first", "first", "poison", "poison", "last" }));
        Assert.That(dead.Select(letter => (letter.Line.Text, letter.Attempts, ((HttpRequestException)letter.Error).StatusCode)), Is.EqualTo(new[] { ("poison", 2, (System.Net.HttpStatusCode?)System.Net.HttpStatusCode.UnprocessableEntity) }));
    }

    [Test]
    public async Task Its_end_waits_for_what_is_under_way_and_gives_up_what_does_not_end([Values] bool answers)
    {
        var receiver = await StartReceiverAsync();
        var (answer, aborted) = (new TaskCompletionSource(), new TaskCompletionSource());
        receiver.Answer = async (_, context) =>
        {
            context.RequestAborted.Register(() => aborted.TrySetResult());
            await answer.Task.WaitAsync(context.RequestAborted);
        };
        var server = await StartServerAsync();
        var webhook = Webhook.Start(server, Options(receiver) with { DrainTimeout = answers ? TimeSpan.FromHours(1) : TimeSpan.FromMilliseconds(20) });
        var client = StartClient(server, "pump-1");
        var accepting = client.WriteAsync("line");
        await Bound.EventuallyAsync(() => webhook.Counters.Running == 1);

        var ending = webhook.DisposeAsync();
        Assert.That(ending.IsCompleted && answers, Is.False);
        if (answers)
            answer.SetResult();
        await ending.Within();
        if (answers)
        {
            await accepting.Within();
            Assert.That(webhook.Counters.Posted, Is.EqualTo(1));
        }
        else
        {
            await aborted.Task.Within();
            Assert.That(accepting.IsCompleted, Is.False);
            Assert.That(webhook.Counters.Posted, Is.Zero);
        }
    }

    [Test]
    public async Task A_host_has_one()
    {
        var receiver = await StartReceiverAsync();
        var builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Services.AddIotLinkServer(configure: _ => ServerOptions);
        builder.Services.AddIotLinkWebhook(Options(receiver));
        using var host = builder.Build();
        await host.StartAsync().Within();
        var client = StartClient(host.Services.GetRequiredService<IotLinkServer>(), "pump-1");
        await client.WriteAsync("line").Within();
        Assert.That(receiver.Posts.Single().Line, Is.EqualTo("line"));
        await host.StopAsync().Within();
    }

    [TestCase("ftp://host/", null, "Url '…' does not begin with http:// or https://.")]
    [TestCase("/lines", null, "Url '…' does not begin with http:// or https://.")]
    [TestCase("http://me:secret@host/", null, "Url '…' holds a user name: give a Token.")]
    [TestCase("http://host/#part", null, "Url '…' holds a fragment (#), which is never sent.")]
    [TestCase("http://host/", "two words", "Token '…' is empty, has more than 4096 characters, or one that is not printable ASCII.")]
    [TestCase("http://host/", "", "Token '…' is empty, has more than 4096 characters, or one that is not printable ASCII.")]
    public async Task Wrong_options_are_named(string url, string? token, string sentence)
    {
        var server = await StartServerAsync();
        var options = new WebhookOptions { Url = new(url, UriKind.RelativeOrAbsolute), Token = token };
        Assert.That(() => Webhook.Start(server, options), Throws.ArgumentException.With.Message.StartsWith(sentence));
        Assert.That(() => new ServiceCollection().AddIotLinkWebhook(options), Throws.ArgumentException);
        Assert.That(() => Webhook.Start(server, options with { Url = new("http://host/"), Token = null, DrainTimeout = TimeSpan.FromDays(1) }), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.StartsWith("DrainTimeout must be 00:00:00 to 01:00:00."));
        Assert.That(options.ToString(), Does.Not.Contain("secret").And.Not.Contain("words"));
    }

    private async Task<Receiver> StartReceiverAsync() => Own(await Receiver.StartAsync(FreePort.Get()));

    private static WebhookOptions Options(Receiver receiver) => new() { Url = receiver.Url, Process = ProcessOptions.Default with { BackOff = Soon } };

    private Webhook Start(IotLinkServer server, Receiver receiver, Func<WebhookOptions, WebhookOptions>? change = null) =>
        Own(Webhook.Start(server, (change ?? (options => options))(Options(receiver))));
}
