using System.Net.ServerSentEvents;
using System.Reactive.Linq;
using System.Reactive.Subjects;
using System.Text.Json;
using System.Threading.Channels;
using Rx.IotLink.Server;

namespace Examples.AspNet;

/// <summary>
/// The events for all pages. It observes the devices as long as the application runs, whether a page is open or not:
/// lines that nobody observes would wait, and their senders with them.
/// </summary>
internal sealed class Bulletin : IDisposable
{
    private const int LinesKept = 20;

    /// <summary>What a page may be behind. A slow one misses the oldest; the devices do not wait for it.</summary>
    private const int Behind = 256;

    private static readonly TimeSpan RefreshEvery = TimeSpan.FromSeconds(1);

    private readonly IotLinkServer _server;
    private readonly ISubject<Said> _lines = Subject.Synchronize(new ReplaySubject<Said>(LinesKept));
    private readonly IDisposable _observing;

    public Bulletin(IotLinkServer server)
    {
        _server = server;
        // A subscription for each device: what goes wrong at a line of one does not end those of the others.
        _observing = server.Links.Subscribe(link => link.Lines.Subscribe(line => _lines.OnNext(new Said(link.Id, line))), _lines.OnCompleted);
    }

    /// <summary>The state of each device and the last lines, then all that comes, as server-sent events.</summary>
    public async IAsyncEnumerable<SseItem<string>> ReadAsync([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken gone)
    {
        var events = Channel.CreateBounded<SseItem<string>>(new BoundedChannelOptions(Behind) { FullMode = BoundedChannelFullMode.DropOldest });
        using var telling = _server.ObserveConnections(RefreshEvery).Select(device => Item("device", Row.Of(device)))
            .Merge(_lines.Select(line => Item("line", line)))
            .Subscribe(item => events.Writer.TryWrite(item), () => events.Writer.TryComplete());
        await foreach (var item in events.Reader.ReadAllAsync(gone))
            yield return item;
    }

    public void Dispose() => _observing.Dispose();

    private static SseItem<string> Item<T>(string kind, T value) => new(JsonSerializer.Serialize(value, JsonSerializerOptions.Web), kind);
}
