using System.Globalization;
using System.Reactive.Linq;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text.Json;

namespace Rx.IotLink;

/// <summary>The requesting side of one link object: its ids, and how many requests are waiting.</summary>
internal sealed class Requester
{
    private static readonly ConditionalWeakTable<ILink, Requester> OfLinks = [];

    // Random and not counted, since no count survives the process.
    private readonly string session = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));
    private readonly Slots inFlight = new();
    private long requests;

    private Requester()
    {
    }

    public static Requester Of(ILink link) => OfLinks.GetValue(link, static _ => new Requester());

    /// <summary>Each subscription sends one request and gives the value of its answer.</summary>
    public IObservable<T> Send<T>(ILink link, string body, Func<JsonElement, T> read, RequestOptions options, RequestFate? fate) => Observable.Defer(() =>
    {
        if (!inFlight.TryTake(options.MaxInFlight, out var place))
            return Observable.Throw<T>(new TooManyRequestsException(link.Id, options.MaxInFlight));

        var id = string.Create(CultureInfo.InvariantCulture, $"{options.Session ?? session}-{Interlocked.Increment(ref requests)}");

        var span = options.TraceContext ? RequestSpan.OfRequest(link.Id) : null;
        var answer = link.Lines
            .Select(line => Envelope.ParseAnswer(line, id))
            .Where(envelope => envelope is not null)
            .Select(envelope => envelope!.Error is { } error ? throw new RemoteErrorException(link.Id, error) : read(envelope.Body))
            .Concat(Observable.Throw<T>(new LinkClosedException(link.Id, "no answer can come any more.")))
            .Take(1);
        // An accepted request is not answered yet: only a failure of the write matters here.
        var refused = Observable.Defer(() => (fate ?? new RequestFate()).Write(link, Envelope.Request(id, body, span?.TraceParent)))
            .IgnoreElements().Select(_ => default(T)!).Concat(Observable.Never<T>());

        // Amb keeps the first source that gives a value and drops the other. The answer is observed before the request
        // is sent. The slot is free before the observer is called, since the observer may send the next request.
        var first = Observable.Amb(answer, refused)
            .TimeoutOn(options.Timeout, options.Scheduler ?? link.Clock(), () => new TimeoutException($"Link '{link.Id}' brought no answer within {options.Timeout}."));
        return (span is null ? first : span.Around(first))
            .Do(_ => place.Dispose(), _ => place.Dispose())
            .Finally(place.Dispose);
    });
}
