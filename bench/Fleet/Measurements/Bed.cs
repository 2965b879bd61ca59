using System.Globalization;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Rx.IotLink.Bench.Fleet.Control;

namespace Rx.IotLink.Bench.Fleet.Measurements;

/// <summary>A server and its devices, each in a process of its own.</summary>
internal sealed class Bed : IAsyncDisposable
{
    /// <summary>
    /// Threads of the pool that have nothing to do sleep at once, and do not first look for more in vain.
    /// </summary>
    private static readonly Dictionary<string, string> NoSpinning = new(StringComparer.Ordinal) { ["DOTNET_ThreadPool_UnfairSemaphoreSpinLimit"] = "0" };

    private static readonly Dictionary<string, string> AsItIs = [];

    private readonly Child server;
    private readonly Child clients;

    private Bed(Child server, Child clients) => (this.server, this.clients) = (server, clients);

    /// <summary>The address of the page for operators, if there is one.</summary>
    public Uri? Page { get; private init; }

    /// <summary>Starts both.</summary>
    /// <param name="bare">Whether the server is the baseline.</param>
    /// <param name="real">Whether the devices are real clients.</param>
    /// <param name="tls">Whether they speak TLS.</param>
    /// <param name="spins">Whether idle threads of the server spin, as they do by default.</param>
    /// <param name="file">Where the links of the server keep their memory, or null.</param>
    /// <param name="page">Whether the server has the page for operators.</param>
    /// <param name="number">A number of its own for each bed that runs beside others.</param>
    public static async Task<Bed> StartAsync(bool bare, bool real = false, bool tls = false, bool spins = true, string? file = null, int number = 1, bool page = false)
    {
        string[] Flags(params (bool Is, string Flag)[] flags) => [.. flags.Where(f => f.Is).Select(f => f.Flag)];
        var serving = Child.Start(spins ? AsItIs : NoSpinning, ["server", .. Flags((bare, "--bare"), (tls, "--tls"), (page, "--page")), .. file is null ? Array.Empty<string>() : ["--store", file]]);
        try
        {
            var (port, address) = await serving.HearAsync<Listening>().ConfigureAwait(false);
            var devices = Child.Start(AsItIs, ["clients", "--port", $"{port}", "--number", number.ToString(CultureInfo.InvariantCulture), .. Flags((bare, "--bare"), (real, "--real"), (tls, "--tls"))]);
            await devices.HearAsync<Done>().ConfigureAwait(false);
            return new Bed(serving, devices) { Page = address };
        }
        catch
        {
            await serving.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Opens further connections; completes when the server has them all.</summary>
    public async Task<Done> OpenAsync(int count)
    {
        var before = await SampleAsync().ConfigureAwait(false);
        var done = await clients.AskAsync<Done>(new("open") { Count = count }).ConfigureAwait(false);
        await UntilAsync(s => s.Connections >= before.Connections + count, "connections").ConfigureAwait(false);
        return done;
    }

    /// <summary>Has the devices say so many keepalives a second more than each says by itself.</summary>
    public Task BeatAsync(double perSecond) => clients.AskAsync<Done>(new("beat") { PerSecond = perSecond });

    /// <summary>Has real devices write so many lines a second.</summary>
    public Task WriteAsync(double perSecond) => clients.AskAsync<Done>(new("write") { PerSecond = perSecond });

    /// <summary>Has a bare server say so many keepalives a second, as links do by themselves.</summary>
    public Task BeatBackAsync(double perSecond) => server.AskAsync<ServerSample>(new("beat") { PerSecond = perSecond });

    public Task<ServerSample> SampleAsync(bool collect = false) => server.AskAsync<ServerSample>(new("sample") { Collect = collect });

    /// <summary>Processor time of the server over a while, in cores.</summary>
    public async Task<double> WatchAsync(TimeSpan length)
    {
        var before = await SampleAsync().ConfigureAwait(false);
        await PauseAsync(length).ConfigureAwait(false);
        var after = await SampleAsync().ConfigureAwait(false);
        return (after.Cpu - before.Cpu) / System.Diagnostics.Stopwatch.GetElapsedTime(before.At, after.At).TotalSeconds;
    }

    public async Task<int> CountAsync() => (await clients.AskAsync<Done>(new("count")).ConfigureAwait(false)).Count;

    public Task<Done> StormAsync() => clients.AskAsync<Done>(new("storm"));

    /// <summary>Completes when the server is in a state; fails when it does not come there.</summary>
    public async Task<ServerSample> UntilAsync(Func<ServerSample, bool> reached, string what)
    {
        for (var i = 0; i < 6_000; i++)
        {
            var sample = await SampleAsync().ConfigureAwait(false);
            if (reached(sample))
                return sample;
            await PauseAsync(TimeSpan.FromMilliseconds(5)).ConfigureAwait(false);
        }

        throw new InvalidOperationException($"The server did not get as far as was expected ({what}): {await SampleAsync().ConfigureAwait(false)}");
    }

    public static Task PauseAsync(TimeSpan length) => Observable.Timer(length).ToTask();

    public async ValueTask DisposeAsync()
    {
        await clients.DisposeAsync().ConfigureAwait(false);
        await server.DisposeAsync().ConfigureAwait(false);
    }
}
