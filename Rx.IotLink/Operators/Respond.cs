using System.Reactive;
using System.Reactive.Linq;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Rx.IotLink;

public static partial class RequestOperators
{
    /// <summary>
    /// Answers the peer's requests while it is subscribed. Subscribe once: a second subscription would answer
    /// everything a second time.
    /// </summary>
    /// <param name="link">The link.</param>
    /// <param name="handler">
    /// Takes the body of a request (the text if it is a JSON string, "" if it is missing or null, otherwise its JSON).
    /// Its first value is the answer, sent as a JSON string. If it fails, throws or ends without a value, the peer gets
    /// an error. The handler is called on the threads that call the observers of the link's lines, so it should return
    /// soon. Several answers may be in progress at once; each is sent when it is ready.
    /// </param>
    /// <param name="options">Limits, and the text of errors. Default <see cref="RespondOptions.Default"/>.</param>
    /// <returns>
    /// One <see cref="Unit"/> for each answer, errors included, that the peer accepted. Completes when the link is
    /// closed and the last handler is done. Fails like <see cref="ILink.Lines"/>, and when an answer cannot be written:
    /// <see cref="OutboxFullException"/>. An answer that is too long for a line is replaced by an error.
    /// </returns>
    /// <remarks>
    /// Each request reaches the handler once, in order. Other lines are for the link's other observers; subscribe those
    /// first, since an observed line leaves the inbox. A handler that never ends always counts in
    /// <see cref="RespondOptions.MaxInFlight"/>: give it a timeout. Unsubscribing also unsubscribes from the handlers;
    /// their requests then get no answer.
    /// </remarks>
    /// <exception cref="ArgumentNullException">
    /// <paramref name="link"/> or <paramref name="handler"/> is null.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range.</exception>
    public static IObservable<Unit> Respond(this ILink link, Func<string, IObservable<string>> handler, RespondOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return link.Answer(body => handler(Envelope.Text(body)).Select(Envelope.Quote), options);
    }

    /// <summary>The same with a handler that is a task.</summary>
    /// <param name="link">The link.</param>
    /// <param name="handler">Gives the answer. The token is cancelled by unsubscribing.</param>
    /// <param name="options">Limits, and the text of errors. Default <see cref="RespondOptions.Default"/>.</param>
    /// <returns>As <see cref="Respond(ILink, Func{string, IObservable{string}}, RespondOptions?)"/>.</returns>
    /// <exception cref="ArgumentNullException">
    /// <paramref name="link"/> or <paramref name="handler"/> is null.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range.</exception>
    public static IObservable<Unit> Respond(this ILink link, Func<string, CancellationToken, Task<string>> handler, RespondOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return link.Respond(body => Observable.FromAsync(cancelled => handler(body, cancelled)), options);
    }

    /// <summary>
    /// The same with bodies of any JSON. A request whose body is no <typeparamref name="TRequest"/> is answered with an
    /// error.
    /// </summary>
    /// <typeparam name="TRequest">What is asked.</typeparam>
    /// <typeparam name="TAnswer">What is answered.</typeparam>
    /// <param name="link">The link.</param>
    /// <param name="handler">Gives the answer: its first value.</param>
    /// <param name="requestType">How a request is read, from a source-generated context.</param>
    /// <param name="answerType">How an answer is written, from a source-generated context.</param>
    /// <param name="options">Limits, and the text of errors. Default <see cref="RespondOptions.Default"/>.</param>
    /// <returns>As <see cref="Respond(ILink, Func{string, IObservable{string}}, RespondOptions?)"/>.</returns>
    /// <exception cref="ArgumentNullException">An argument other than <paramref name="options"/> is null.</exception>
    /// <exception cref="ArgumentException">
    /// An option is out of range, or <paramref name="answerType"/> says
    /// <see cref="JsonSerializerOptions.WriteIndented"/>.
    /// </exception>
    public static IObservable<Unit> Respond<TRequest, TAnswer>(
        this ILink link, Func<TRequest, IObservable<TAnswer>> handler, JsonTypeInfo<TRequest> requestType, JsonTypeInfo<TAnswer> answerType, RespondOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(handler);
        ArgumentNullException.ThrowIfNull(requestType);
        Json.RequireOneLine(answerType);
        return link.Answer(body => handler(Envelope.Value(body, requestType)).ToJson(answerType), options);
    }

    /// <summary>The same with bodies of any JSON and a handler that is a task.</summary>
    /// <typeparam name="TRequest">What is asked.</typeparam>
    /// <typeparam name="TAnswer">What is answered.</typeparam>
    /// <param name="link">The link.</param>
    /// <param name="handler">Gives the answer. The token is cancelled by unsubscribing.</param>
    /// <param name="requestType">How a request is read, from a source-generated context.</param>
    /// <param name="answerType">How an answer is written, from a source-generated context.</param>
    /// <param name="options">Limits, and the text of errors. Default <see cref="RespondOptions.Default"/>.</param>
    /// <returns>As <see cref="Respond(ILink, Func{string, IObservable{string}}, RespondOptions?)"/>.</returns>
    /// <exception cref="ArgumentNullException">An argument other than <paramref name="options"/> is null.</exception>
    /// <exception cref="ArgumentException">
    /// An option is out of range, or <paramref name="answerType"/> says
    /// <see cref="JsonSerializerOptions.WriteIndented"/>.
    /// </exception>
    public static IObservable<Unit> Respond<TRequest, TAnswer>(
        this ILink link, Func<TRequest, CancellationToken, Task<TAnswer>> handler, JsonTypeInfo<TRequest> requestType, JsonTypeInfo<TAnswer> answerType, RespondOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return link.Respond(body => Observable.FromAsync(cancelled => handler(body, cancelled)), requestType, answerType, options);
    }

    private static IObservable<Unit> Answer(this ILink link, Func<JsonElement, IObservable<string>> handler, RespondOptions? options)
    {
        ArgumentNullException.ThrowIfNull(link);
        options ??= RespondOptions.Default;
        options.Validate();
        return new Responder(link, handler, options).Answers;
    }
}
