using System.Reactive;
using System.Reactive.Linq;
using System.Text.Json;

namespace Rx.IotLink;

/// <summary>The answering side of a link: a handler's outcome, whatever it is, becomes one answer.</summary>
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
                // Refusals have places of their own: they must not keep a handler idle that could work.
                var answer = answering.TryTake(options.MaxInFlight, out var place) ? Answer(request!)
                    : refusing.TryTake(options.MaxInFlight, out place) ? Observable.Return(Envelope.Failure(request!.Id, "busy"))
                    : Observable.Empty<string>();
                return answer.SelectMany(line => Write(line, request!.Id)).Finally(place.Dispose);
            });
    });

    private IObservable<string> Answer(Envelope request) =>
        Observable.Defer(() => handler(request.Body))
            .Take(1)
            .Select(json => Envelope.Answer(request.Id, json))
            .DefaultIfEmpty(Envelope.Failure(request.Id, "The handler ended without an answer."))
            .Catch<string, Exception>(error => Observable.Return(Envelope.Failure(request.Id, Told(error))));

    /// <summary>What the peer is told of a failure; all of it is told here.</summary>
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
            // Too long, as a rule: the peer learns that, else it would wait for nothing.
            .Catch<Unit, ArgumentException>(fault => Observable.Defer(() => link.Write(Envelope.Failure(id, fault.Message))))
            // The end of the lines tells that the link is closed; it is no failure.
            .Catch<Unit, LinkClosedException>(_ => Observable.Empty<Unit>());
}
