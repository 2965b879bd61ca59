using System.Globalization;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Rx.IotLink.Bench.Fleet.Control;

namespace Rx.IotLink.Bench.Fleet.Measurements;

/// <summary>A server and its devices, each in a process of its own.</summary>
internal sealed class Bed : IAsyncDisposable
{
    private readonly Child server;
    private readonly Child clients;

    private Bed(Child server, Child clients) => (this.server, this.clients) = (server, clients);

    /// <summary>Starts both.</summary>
    /// <param name="bare">Whether the server is the baseline.</param>
    /// <param name="real">Whether the devices are real clients.</param>
    /// <param name="tls">Whether they speak TLS.</param>
    /// <param name="number">Tells beds apart that stand side by side.</param>
    public static async Task<Bed> StartAsync(bool bare, bool real = false, bool tls = false, int number = 1)
    {
        string[] Flags(params (bool Is, string Flag)[] flags) => [.. flags.Where(f => f.Is).Select(f => f.Flag)];
        var serving = Child.Start(["server", .. Flags((bare, "--bare"), (tls, "--tls"))]);
        try
        {
            var port = (await serving.HearAsync<Listening>().ConfigureAwait(false)).Port;
            var devices = Child.Start(["clients", "--port", $"{port}", "--number", number.ToString(CultureInfo.InvariantCulture), .. Flags((bare, "--bare"), (real, "--real"), (tls, "--tls"))]);
            await devices.HearAsync<Done>().ConfigureAwait(false);
            return new Bed(serving, devices);
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

    /// <summary>Has the devices say so many keepalives a second; a bare server too, as links do by themselves.</summary>
    public async Task BeatAsync(double perSecond, bool server)
    {
        await clients.AskAsync<Done>(new("beat") { PerSecond = perSecond }).ConfigureAwait(false);
        if (server)
            await this.server.AskAsync<ServerSample>(new("beat") { PerSecond = perSecond }).ConfigureAwait(false);
    }

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
