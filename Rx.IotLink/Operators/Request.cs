using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Rx.IotLink;

/// <summary>
/// Requests and answers over a link. An envelope marks their lines; docs/request-response.md describes it.
/// </summary>
public static partial class RequestOperators
{
    /// <summary>
    /// Sends a request and gives the peer's answer. Each subscription sends one request with its own id, and gives one
    /// answer.
    /// </summary>
    /// <param name="link">The link; the peer answers with <c>Respond</c>, or with a few lines of MicroPython.</param>
    /// <param name="body">
    /// The question, sent as a JSON string. The envelope around it takes up to 45 bytes of the line, and a character
    /// that is not ASCII 6 (or 12).
    /// </param>
    /// <param name="options">
    /// Timeout, limit, clock. Default <see cref="RequestOptions.Default"/>: 10 s, 256 at a time.
    /// </param>
    /// <returns>
    /// The answer's body: the text if it is a JSON string, nothing ("") if it is missing or null, otherwise its JSON.
    /// It fails with <see cref="RemoteErrorException"/> if the peer answers with an error;
    /// <see cref="TimeoutException"/>; <see cref="TooManyRequestsException"/>; <see cref="LinkClosedException"/> if the
    /// link is closed meanwhile; <see cref="JsonException"/> for a body that is not text; and with the errors of
    /// <see cref="ILink.Write"/>, such as <see cref="ArgumentException"/> for a request that is too long.
    /// </returns>
    /// <remarks>
    /// The request is written exactly once. After a timeout, or after unsubscribing, it is taken back if it was not
    /// sent yet. If it was sent, the peer may still act on it; its late answer is ignored. Second answers, and answers
    /// to ids without a waiting request, are ignored too.
    /// <para>
    /// While a request waits it observes <see cref="ILink.Lines"/>, and an observed line leaves the inbox: subscribe
    /// the observers of your other lines before the first request, and do not mix requests with
    /// <see cref="ILink.ReadLineAsync"/>. They see the answers as well: see <see cref="WithoutRequests"/>.
    /// </para>
    /// <para>
    /// Answers come on the threads that call the observers of the link's lines. An observer that blocks there until a
    /// line or another answer comes waits for ever, and holds up all later lines.
    /// </para>
    /// </remarks>
    /// <exception cref="ArgumentException">
    /// An option is out of range, or <paramref name="body"/> holds half of a surrogate pair.
    /// </exception>
    public static IObservable<string> Request(this ILink link, string body, RequestOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(body);
        return link.Send(Envelope.Quote(body), Envelope.Text, options, fate: null);
    }

    /// <summary>The same with bodies of any JSON.</summary>
    /// <typeparam name="TRequest">What is asked.</typeparam>
    /// <typeparam name="TAnswer">
    /// What is answered; if the answer does not matter, use <see cref="JsonElement"/>, which takes any JSON, also null.
    /// </typeparam>
    /// <param name="link">The link.</param>
    /// <param name="body">What is asked.</param>
    /// <param name="requestType">How a request is written, from a source-generated context.</param>
    /// <param name="answerType">How an answer is read, from a source-generated context.</param>
    /// <param name="options">Timeout, limit, clock. Default <see cref="RequestOptions.Default"/>.</param>
    /// <returns>
    /// The answer. It fails like <see cref="Request(ILink, string, RequestOptions?)"/>, with
    /// <see cref="JsonException"/> for a body that is not a <typeparamref name="TAnswer"/> (null or a missing body is
    /// not).
    /// </returns>
    /// <exception cref="ArgumentException">
    /// An option is out of range, or <paramref name="requestType"/> says
    /// <see cref="JsonSerializerOptions.WriteIndented"/>.
    /// </exception>
    public static IObservable<TAnswer> Request<TRequest, TAnswer>(
        this ILink link, TRequest body, JsonTypeInfo<TRequest> requestType, JsonTypeInfo<TAnswer> answerType, RequestOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(answerType);
        return link.Send(body.ToJson(requestType), answer => Envelope.Value(answer, answerType), options, fate: null);
    }

    private static IObservable<T> Send<T>(this ILink link, string json, Func<JsonElement, T> read, RequestOptions? options, RequestFate? fate)
    {
        ArgumentNullException.ThrowIfNull(link);
        options ??= RequestOptions.Default;
        options.Validate();
        return Requester.Of(link).Send(link, json, read, options, fate);
    }
}
