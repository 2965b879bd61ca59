using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Rx.IotLink.Server;

/// <summary>
/// Posts each line of each device to an address: <c>{"id":"pump-1","line":"…","epoch":"…","number":7}</c>. A line is
/// acknowledged to its device only when the receiver has answered 2xx.
/// </summary>
/// <remarks>
/// <para>
/// Lines of one device are posted in order, one at a time; devices do not wait for each other. While the receiver is
/// away, or answers anything but 2xx, lines wait at their devices, and are posted again with longer and longer delays.
/// </para>
/// <para>
/// A line comes twice only if its answer was lost: the receiver, this process or the network ended before. Then it has
/// the same name (<see cref="LineId"/>), and so the same header <c>Idempotency-Key</c>. docs/webhook.md says what a
/// receiver does with it.
/// </para>
/// <para>
/// With <see cref="WebhookOptions.Consumer"/> the lines are those of a fleet that several servers share: each is posted
/// by one of them.
/// </para>
/// </remarks>
public sealed class Webhook : IAsyncDisposable
{
    // Relaxed: this goes into no HTML page, and people read it too.
    private static readonly JsonWriterOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly WebhookOptions options;
    private readonly HttpClient http;
    private readonly IDisposable? processing;
    private readonly FleetConsumer? consumer;
    private readonly CancellationTokenSource givingUp = new();
    private readonly TaskCompletionSource idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock gate = new();
    private bool isOver;
    private int running;
    private long posted;
    private long failed;
    private long dropped;
    private HttpStatusCode? lastStatus;

    private Webhook(IotLinkServer server, WebhookOptions options)
    {
        var shared = options.Consumer is { } name ? server.Share(name) : null;
        this.options = options;
        http = new(new SocketsHttpHandler
        {
            // Another address is not the one that was given, and a redirected POST may become a GET.
            AllowAutoRedirect = false,
            UseCookies = false,
            MaxConnectionsPerServer = options.Process.MaxConcurrent,
            // A receiver may move to another machine under the same name.
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        })
        {
            // ProcessOptions.HandlerTimeout is the limit.
            Timeout = Timeout.InfiniteTimeSpan,
        };
        if (options.Token is { } token)
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        var (process, clock) = (options.Process, options.Scheduler);
        if (shared is not null)
            consumer = shared.Process(options.Consumer!, PostAsync, new() { HandlerTimeout = process.HandlerTimeout, BackOff = process.BackOff, Scheduler = clock });
        else
            processing = server.Process(PostAsync, process);
    }

    /// <summary>
    /// With <see cref="WebhookOptions.Consumer"/>: requests that failed (<see cref="LinkNoticeKind.HandlerFailed"/>),
    /// and a store that is away or is back. From now on. Without it there are none: the links report failures.
    /// </summary>
    public IObservable<LinkNotice> Notices => consumer?.Notices ?? Observable.Empty<LinkNotice>();

    /// <summary>Counts since the start, as a snapshot.</summary>
    public WebhookCounters Counters
    {
        get
        {
            lock (gate)
                return new() { Posted = posted, Failed = failed, Dropped = dropped, Running = running, LastStatus = lastStatus };
        }
    }

    /// <summary>
    /// Starts to post. A receiver that is away at the start is no error. Dispose of it before the server stops.
    /// Nothing else may accept lines of these links (<see cref="ILink.Received"/>, <c>Process</c>): who accepts a line
    /// first accepts it for all.
    /// </summary>
    /// <param name="server">The fleet.</param>
    /// <param name="options">Where to, and how.</param>
    /// <exception cref="ArgumentException">
    /// An option is out of range; the message names it. Or there is a <see cref="WebhookOptions.Consumer"/>, and the
    /// session store of the server has no fleet that servers share, or does not keep received lines for it.
    /// </exception>
    public static Webhook Start(IotLinkServer server, WebhookOptions options)
    {
        ArgumentNullException.ThrowIfNull(server);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        return new(server, options);
    }

    /// <summary>
    /// Takes no further line, and waits up to <see cref="WebhookOptions.DrainTimeout"/> for the requests that are under
    /// way.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        lock (gate)
        {
            if (isOver)
                return;
            isOver = true;
            if (running == 0)
                idle.TrySetResult();
        }

        processing?.Dispose();
        var ended = consumer?.DisposeAsync().AsTask() ?? Task.CompletedTask;
        await WithinAsync(idle.Task).ConfigureAwait(false);
        await givingUp.CancelAsync().ConfigureAwait(false);
        // Posted may block.
        await WithinAsync(ended).ConfigureAwait(false);
        http.Dispose();
    }

    private async Task WithinAsync(Task task) => await task.ToObservable().Select(_ => true)
        .TakeUntil(Observable.Timer(options.DrainTimeout, options.Scheduler))
        .DefaultIfEmpty().ToTask(CancellationToken.None).ConfigureAwait(false);

    /// <summary>Completes when the receiver has the line: then it is acknowledged to its device.</summary>
    private async Task PostAsync(ReceivedLine line, CancellationToken cancelled)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, options.Url) { Content = BodyOf(line) };
        request.Headers.TryAddWithoutValidation("Idempotency-Key", $"\"{NameOf(line)}\"");
        lock (gate)
        {
            if (isOver)
                throw new OperationCanceledException("The webhook has ended.");
            running++;
        }

        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(givingUp.Token);
            // The end of the processing cancels, too. Then a request that is under way has the time of the drain.
            using var late = cancelled.UnsafeRegister(_ => CancelUnlessOver(limit), null);
            await SendAsync(request, limit.Token).ConfigureAwait(false);
            options.Posted?.Invoke(line);
            Count(isPosted: true, isDropped: false);
        }
        catch (Exception exception)
        {
            var isBestEffort = line.Delivery == Delivery.BestEffort && exception is HttpRequestException or IOException or OperationCanceledException;
            Count(isPosted: false, isBestEffort);
            if (!isBestEffort)
                throw;
        }
    }

    private async Task SendAsync(HttpRequestMessage request, CancellationToken cancelled)
    {
        // Only the head of the answer: what follows it may be endless, and says nothing.
        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancelled).ConfigureAwait(false);
        lock (gate)
            lastStatus = response.StatusCode;
        if (!response.IsSuccessStatusCode)
            throw new HttpRequestException($"{options.Receiver} answered {(int)response.StatusCode}, not 2xx.", inner: null, response.StatusCode);
    }

    private void CancelUnlessOver(CancellationTokenSource limit)
    {
        lock (gate)
        {
            if (isOver)
                return;
        }

        limit.Cancel();
    }

    private void Count(bool isPosted, bool isDropped)
    {
        lock (gate)
        {
            running--;
            (posted, failed, dropped) = (posted + (isPosted ? 1 : 0), failed + (isPosted ? 0 : 1), dropped + (isDropped ? 1 : 0));
            if (isOver && running == 0)
                idle.TrySetResult();
        }
    }

    /// <summary>The same fields as those of <c>iotlink serve --json</c>.</summary>
    private static ByteArrayContent BodyOf(ReceivedLine line)
    {
        var bytes = new ArrayBufferWriter<byte>(line.Utf8.Length + 128);
        using (var json = new Utf8JsonWriter(bytes, Json))
        {
            json.WriteStartObject();
            json.WriteString("id", line.DeviceId);
            json.WriteString("line", line.Utf8.Span);
            json.WriteString("epoch", EpochOf(line));
            json.WriteNumber("number", line.Line.Number);
            json.WriteEndObject();
        }

        return new(bytes.WrittenSpan.ToArray()) { Headers = { ContentType = new("application/json") } };
    }

    /// <summary>Of ASCII, as a header must be.</summary>
    private static string NameOf(ReceivedLine line) =>
        string.Create(CultureInfo.InvariantCulture, $"{Uri.EscapeDataString(line.DeviceId)}/{EpochOf(line)}/{line.Line.Number}");

    private static string EpochOf(ReceivedLine line) => line.Line.Epoch.ToString("x16", CultureInfo.InvariantCulture);
}
