using System.Net;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Examples.Common;
using Examples.PeerToPeer;
using Rx.IotLink;
using Rx.IotLink.Server;

// Clients that wait for each other. They come one by one; when all are there, a token goes round among them, each
// passing it to the next one through the server.
var number = Choice.Whole("--peers", "How many clients.", 4, 2, 26);
var pause = TimeSpan.FromMilliseconds(400);

return await Stage.PlayAsync(args, "Clients that wait for each other, then pass a token round.", 8, async stage =>
{
    var voice = new Voice(stage);
    var ids = Enumerable.Range(0, stage.Get(number)).Select(n => $"{(char)('a' + n)}").ToList();
    await using var running = new Parts();
    var server = running.Add(await IotLinkServer.StartAsync(new() { Port = 0, Bind = IPAddress.Loopback, Expected = ids }));

    // The peers, each when its time comes. None knows where the others are, or whether.
    foreach (var (id, n) in ids.Select((id, n) => (id, n)))
    {
        var next = ids[(n + 1) % ids.Count];
        running.Add(Observable.Timer(pause * n, stage.Scheduler).Subscribe(_ =>
        {
            var link = running.Add(IotLinkClient.Start(new() { Host = "127.0.0.1", Port = server.EndPoint.Port, Id = id }));
            link.Lines.FromJson<Letter>().Select(letter => letter.PassedTo(next).ToJson()).Subscribe(link.Writer);
        }));
    }

    using var arrivals = server.Links.Subscribe(link => voice.Say(link.Id, "is here"));
    voice.Say("server", $"waits for {string.Join(", ", ids)}");
    var meeting = server.WaitForAllAsync();
    if (await Task.WhenAny(meeting, stage.WaitAsync()) != meeting)
    {
        voice.Say("server", "the time is up before all were here", Mood.Bad);
        return 1;
    }

    // The post office: a letter goes to whom it names. That is all the server does.
    var links = await meeting;
    voice.Say("server", "all are here: the token starts", Mood.Good);
    var post = links.Values.Select(link => link.Lines.FromJson<Letter>()).Merge().Publish();
    using var forwarding = post.TakeUntil(stage.Over).Subscribe(letter => links[letter.To].Writer.OnNext(letter.ToJson()));
    using var telling = post.Where(letter => letter.To == ids[0]).Sample(pause, stage.Scheduler)
        .Subscribe(letter => voice.Say("token", $"{letter.Hops / ids.Count} rounds, {letter.Hops} hops"));
    var last = post.TakeUntil(stage.Over).LastOrDefaultAsync().ToTask();
    using var delivering = post.Connect();
    await links[ids[0]].WriteAsync(new Letter(ids[0], 0).ToJson());

    var hops = (await last)?.Hops ?? 0;
    voice.Say("token", $"{hops} hops in all, {hops / ids.Count} rounds", hops > 0 ? Mood.Good : Mood.Bad);
    return hops > 0 ? 0 : 1;
}, number);
