using System.Net;
using System.Reactive;
using System.Reactive.Linq;
using System.Reactive.Subjects;
using System.Reactive.Threading.Tasks;
using System.Text.Json;
using TcpSoak.Ends;
using TcpSoak.Lines;

namespace TcpSoak.Namespaces;

/// <summary>
/// One end of all links, in a process of its own. It reports its status every second. The first line of its standard
/// input means "write no more", the second "go". The end of its input means both: its parent process has ended.
/// </summary>
internal static class EndRole
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);

    public static async Task<int> ServeAsync(SoakPlan plan, IPEndPoint bind)
    {
        var lines = DeviceLines.Of(Ids.Of(plan.Links), Teller.Receiver, Teller.Writer);
        using var stop = new Subject<Unit>();
        await using var server = await ServerEnd.StartAsync(plan, bind, keys: null, lines, _ => { }, stop);
        await LiveAsync(() => new EndStatus { Outages = server.Outages, ProtocolErrors = server.ProtocolErrors }, lines, () => server.Written, stop);
        return 0;
    }

    public static async Task<int> ConnectAsync(SoakPlan plan, IPEndPoint to)
    {
        var lines = DeviceLines.Of(Ids.Of(plan.Links), Teller.Writer, Teller.Receiver);
        using var stop = new Subject<Unit>();
        var devices = lines.Select(device => new DeviceEnd(plan, device.Key, to, key: null, device.Value, stop)).ToList();
        EndStatus Status() => new() { Outages = devices.Sum(device => device.Link.Counters.Outages), ProtocolErrors = devices.Sum(device => device.Link.Counters.ProtocolErrors) };
        await LiveAsync(Status, lines, () => Task.WhenAll(devices.Select(device => device.Written)), stop);
        await Task.WhenAll(devices.Select(device => device.DisposeAsync().AsTask()));
        return 0;
    }

    private static async Task LiveAsync(Func<EndStatus> status, IReadOnlyDictionary<string, DeviceLines> lines, Func<Task> written, Subject<Unit> stop)
    {
        using (Observable.Interval(Every).Subscribe(_ => Tell(status())))
            await HearAsync();
        stop.OnNext(Unit.Default);
        var drained = written();
        var go = HearAsync();
        await Task.WhenAny(drained, go);
        Tell(status() with { IsDrained = drained.IsCompletedSuccessfully });
        await go;
        Tell(status() with
        {
            IsDrained = drained.IsCompletedSuccessfully,
            Lines = lines.ToDictionary(device => device.Key, device => new EndSums(device.Value.ToServer.Verdict, device.Value.ToDevice.Verdict), StringComparer.Ordinal),
        });
    }

    /// <summary>On a thread of its own: reading the console may block.</summary>
    private static Task<string?> HearAsync() => Observable.Start(Console.ReadLine, System.Reactive.Concurrency.NewThreadScheduler.Default).ToTask();

    private static void Tell(EndStatus status) => Console.WriteLine(JsonSerializer.Serialize(status));
}
