using System.Reactive;
using System.Reactive.Linq;
using System.Text.Json;

namespace Rx.IotLink;

/// <summary>The answering side of a link: a handler's outcome, whatever it is, becomes one answer.</summary>
internal sealed class Responder(ILink link, Func<JsonElement, IObservable<string>> handler, RespondOptions options)
{
    public IObservable<Unit> Answers => Observable.Defer(() =>
    {
        var answering = new Places();
        var refusing = new Places();
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
            .Catch<string, Exception>(error => Observable.Return(Envelope.Failure(request.Id, options.ErrorText(error))));

    private IObservable<Unit> Write(string line, JsonElement id) =>
        Observable.Defer(() => link.Write(line))
            // Too long, as a rule: the peer learns that, else it would wait for nothing.
            .Catch<Unit, ArgumentException>(fault => Observable.Defer(() => link.Write(Envelope.Failure(id, fault.Message))))
            // The end of the lines tells that the link is closed; it is no failure.
            .Catch<Unit, LinkClosedException>(_ => Observable.Empty<Unit>());
}
