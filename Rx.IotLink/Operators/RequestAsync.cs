using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Rx.IotLink.Time;

namespace Rx.IotLink;

public static partial class RequestOperators
{
    /// <summary>
    /// The task form of <see cref="Request(ILink, string, RequestOptions?)"/>: the same, sent at the call.
    /// </summary>
    /// <param name="link">The link.</param>
    /// <param name="body">What is asked, sent as a JSON string.</param>
    /// <param name="options">Timeout, limit, clock. Default <see cref="RequestOptions.Default"/>.</param>
    /// <param name="cancellationToken">Ends the waiting; the request is taken back if it was not sent yet.</param>
    /// <returns>
    /// The answer's text. Code that awaits it continues as after
    /// <see cref="ILink.WriteAsync(string, Delivery, Ordering, CancellationToken)"/>, and so delays no line.
    /// </returns>
    /// <exception cref="RemoteErrorException">The peer answered with an error.</exception>
    /// <exception cref="TimeoutException">No answer came in time.</exception>
    /// <exception cref="TooManyRequestsException">Too many requests are waiting.</exception>
    /// <exception cref="LinkClosedException">The link was closed.</exception>
    /// <exception cref="ArgumentException">
    /// An option is out of range, or the request is not a line that the link takes.
    /// </exception>
    /// <exception cref="WriteCancelledException">
    /// It was cancelled; the exception says whether the request had been sent, so that the peer may act on it.
    /// </exception>
    public static Task<string> RequestAsync(this ILink link, string body, RequestOptions? options = null, CancellationToken cancellationToken = default) =>
        RequestAsync(link, Envelope.Quote(body ?? throw new ArgumentNullException(nameof(body))), Envelope.Text, options, cancellationToken);

    /// <summary>The task form of <see cref="Request{TRequest, TAnswer}"/>: the same, sent at the call.</summary>
    /// <typeparam name="TRequest">What is asked.</typeparam>
    /// <typeparam name="TAnswer">What is answered.</typeparam>
    /// <param name="link">The link.</param>
    /// <param name="body">What is asked.</param>
    /// <param name="requestType">How a request is written, from a source-generated context.</param>
    /// <param name="answerType">How an answer is read, from a source-generated context.</param>
    /// <param name="options">Timeout, limit, clock. Default <see cref="RequestOptions.Default"/>.</param>
    /// <param name="cancellationToken">Ends the waiting; the request is taken back if it was not sent yet.</param>
    /// <returns>
    /// The answer. Code that awaits it continues as after
    /// <see cref="ILink.WriteAsync(string, Delivery, Ordering, CancellationToken)"/>, and so delays no line.
    /// </returns>
    /// <exception cref="System.Text.Json.JsonException">The answer is not a <typeparamref name="TAnswer"/>.</exception>
    /// <remarks>
    /// Also throws the exceptions of <see cref="RequestAsync(ILink, string, RequestOptions?, CancellationToken)"/>.
    /// </remarks>
    public static Task<TAnswer> RequestAsync<TRequest, TAnswer>(
        this ILink link,
        TRequest body,
        JsonTypeInfo<TRequest> requestType,
        JsonTypeInfo<TAnswer> answerType,
        RequestOptions? options = null,
        CancellationToken cancellationToken = default) =>
        answerType is null
            ? throw new ArgumentNullException(nameof(answerType))
            : RequestAsync(link, body.ToJson(requestType), answer => Envelope.Value(answer, answerType), options, cancellationToken);

    private static Task<T> RequestAsync<T>(ILink link, string json, Func<JsonElement, T> read, RequestOptions? options, CancellationToken cancellationToken)
    {
        var fate = new RequestFate();
        return FirstAsync(link, link.Send(json, read, options, fate), fate, cancellationToken);
    }

    /// <summary>
    /// Rx's ToTask would run the code after an await inside the observer. If that code blocks, it would hold up the
    /// link's lines.
    /// </summary>
    private static async Task<T> FirstAsync<T>(ILink link, IObservable<T> source, RequestFate fate, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            throw new WriteCancelledException(link.Id, wasSent: false, cancellationToken);
        var first = new Waiter<T>((link as IOwnLink)?.Options.Continuations);
        using var subscription = source.Subscribe(value => first.TrySetResult(value), error => first.TrySetException(error));
        using var cancellation = cancellationToken.UnsafeRegister((_, cancelled) =>
        {
            // Unsubscribe first: that shows whether the request was sent.
            subscription.Dispose();
            first.GiveUp(new WriteCancelledException(link.Id, fate.WasSent, cancelled));
        }, state: null);
        return await first.Task.ConfigureAwait(false);
    }
}
