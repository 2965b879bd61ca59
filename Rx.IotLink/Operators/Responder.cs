using System.Reactive;
using System.Reactive.Linq;
using System.Text.Json;

namespace Rx.IotLink;

/// <summary>The answering side of a link: every outcome of a handler becomes one answer.</summary>
internal sealed class Responder(ILink link, Func<JsonElement, IObservable<string>> handler, RespondOptions options)
{
    public IObservable<Unit> Answers => Observable.Defer(() =>
    {
        var answering = new Slots();
        var refusing = new Slots();
        return link.Lines
            .Select(Envelope.Parse)
            .Where(envelope => envelope is { IsRequest: true })
            .SelectMany(request =>
            {
                // Refusals have slots of their own: they must not take slots from handlers that could work.
                var answer = answering.TryTake(options.MaxInFlight, out var place) ? Answer(request!)
                    : refusing.TryTake(options.MaxInFlight, out place) ? Observable.Return(Envelope.Failure(request!.Id, "busy"))
                    : Observable.Empty<string>();
                return answer.SelectMany(line => Write(line, request!.Id)).Finally(place.Dispose);
            });
    });

    private IObservable<string> Answer(Envelope request) =>
        Handled(request)
            .Take(1)
            .Select(json => Envelope.Answer(request.Id, json))
            .DefaultIfEmpty(Envelope.Failure(request.Id, "The handler ended without an answer."))
            .Catch<string, Exception>(error => Observable.Return(Envelope.Failure(request.Id, Told(error))));

    private IObservable<string> Handled(Envelope request)
    {
        if (!options.TraceContext)
            return Observable.Defer(() => handler(request.Body));
        return Observable.Defer(() => RequestSpan.OfAnswer(link.Id, request.TraceParent) is { } span
            ? span.Around(Observable.Defer(() => span.Run(() => handler(request.Body))))
            : handler(request.Body));
    }

    /// <summary>The text about a failure for the peer; this end reports all of it.</summary>
    private string Told(Exception error)
    {
        Notify($"a handler of requests failed with {error.GetType().Name}: {error.Message}", error);
        try
        {
            return options.ErrorText(error);
        }
        catch (Exception exception)
        {
            Notify($"{nameof(RespondOptions.ErrorText)} failed with {exception.GetType().Name}: {exception.Message}", exception);
            return RespondOptions.HandlerFailed;
        }
    }

    private void Notify(string detail, Exception error) => (link as IOwnLink)?.Notify(new(LinkNoticeKind.HandlerFailed, detail, error));

    private IObservable<Unit> Write(string line, JsonElement id) =>
        Observable.Defer(() => link.Write(line))
            // It is usually too long. The peer gets this error; otherwise it would wait for nothing.
            .Catch<Unit, ArgumentException>(fault => Observable.Defer(() => link.Write(Envelope.Failure(id, fault.Message))))
            // The end of the lines means that the link is closed; it is not a failure.
            .Catch<Unit, LinkClosedException>(_ => Observable.Empty<Unit>());
}
