using System.Text.Json.Serialization.Metadata;

namespace Rx.IotLink;

public static partial class RequestOperators
{
    /// <summary>The task form of <see cref="Request(ILink, string, RequestOptions?)"/>: the same, sent at the call.</summary>
    /// <param name="link">The link.</param>
    /// <param name="body">What is asked, sent as a JSON string.</param>
    /// <param name="options">Timeout, limit, clock. Default <see cref="RequestOptions.Default"/>.</param>
    /// <param name="cancellationToken">Ends the waiting; the request is taken back if it was not sent yet.</param>
    /// <returns>The answer's text. What awaits it runs on the thread pool, and so delays no line.</returns>
    /// <exception cref="RemoteErrorException">The peer answered with an error.</exception>
    /// <exception cref="TimeoutException">No answer came in time.</exception>
    /// <exception cref="TooManyRequestsException">Too many requests are waiting.</exception>
    /// <exception cref="LinkClosedException">The link was closed.</exception>
    /// <exception cref="ArgumentException">An option is out of range, or the request is not a line that the link takes.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static Task<string> RequestAsync(this ILink link, string body, RequestOptions? options = null, CancellationToken cancellationToken = default) =>
        FirstAsync(link.Request(body, options), cancellationToken);

    /// <summary>The task form of <see cref="Request{TRequest, TAnswer}"/>: the same, sent at the call.</summary>
    /// <typeparam name="TRequest">What is asked.</typeparam>
    /// <typeparam name="TAnswer">What is answered.</typeparam>
    /// <param name="link">The link.</param>
    /// <param name="body">What is asked.</param>
    /// <param name="requestType">How a request is written, from a source-generated context.</param>
    /// <param name="answerType">How an answer is read, from a source-generated context.</param>
    /// <param name="options">Timeout, limit, clock. Default <see cref="RequestOptions.Default"/>.</param>
    /// <param name="cancellationToken">Ends the waiting; the request is taken back if it was not sent yet.</param>
    /// <returns>The answer. What awaits it runs on the thread pool, and so delays no line.</returns>
    /// <exception cref="System.Text.Json.JsonException">The answer is no <typeparamref name="TAnswer"/>.</exception>
    /// <remarks>Throws as <see cref="RequestAsync(ILink, string, RequestOptions?, CancellationToken)"/> besides.</remarks>
    public static Task<TAnswer> RequestAsync<TRequest, TAnswer>(
        this ILink link,
        TRequest body,
        JsonTypeInfo<TRequest> requestType,
        JsonTypeInfo<TAnswer> answerType,
        RequestOptions? options = null,
        CancellationToken cancellationToken = default) =>
        FirstAsync(link.Request(body, requestType, answerType, options), cancellationToken);

    /// <summary>Not Rx's ToTask, which runs what awaits it inside the observer: a blocking line of code after an await would hold up the link's lines.</summary>
    private static async Task<T> FirstAsync<T>(IObservable<T> source, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var first = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var subscription = source.Subscribe(value => first.TrySetResult(value), error => first.TrySetException(error));
        using var cancellation = cancellationToken.UnsafeRegister(_ => first.TrySetCanceled(cancellationToken), state: null);
        return await first.Task.ConfigureAwait(false);
    }
}
