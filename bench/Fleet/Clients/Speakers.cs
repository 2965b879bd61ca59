using System.Diagnostics;
using System.Net.Sockets;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Rx.IotLink.Bench.Fleet.Control;

namespace Rx.IotLink.Bench.Fleet.Clients;

/// <summary>
/// Devices that only open and say keepalives (protocol 2), so light that thousands of them take nothing from the server
/// they share the machine with. They leave what the server says unread: at rest that is a byte a keepalive.
/// </summary>
internal sealed class Speakers(Place place, bool bare, bool tls) : IClients
{
    private static readonly TimeSpan BeatEvery = TimeSpan.FromMilliseconds(1);

    private readonly List<Speaker> speakers = [];
    private double extra;
    private double due;
    private int next;
    private long lastBeat;
    private IDisposable? beating;

    public async Task<Done> OpenAsync(int count, int together)
    {
        lastBeat = beating is null ? Stopwatch.GetTimestamp() : lastBeat;
        beating ??= Observable.Interval(BeatEvery).Subscribe(_ => BeatNext());
        var begun = Stopwatch.GetTimestamp();
        var first = speakers.Count;
        await Parallel.ForEachAsync(Enumerable.Range(first, count), new ParallelOptions { MaxDegreeOfParallelism = together }, async (number, _) =>
        {
            var speaker = new Speaker(place, place.First + number, answered: !bare, tls);
            await speaker.OpenAsync().ConfigureAwait(false);
            lock (speakers)
                speakers.Add(speaker);
        }).ConfigureAwait(false);
        return new Done(begun, Stopwatch.GetTimestamp(), speakers.Count);
    }

    public void Beat(double perSecond) => Volatile.Write(ref extra, perSecond);

    public void Write(double perSecond) => throw new NotSupportedException("Only real clients write lines.");

    /// <summary>Those that are due, spread evenly as those of devices that know nothing of each other.</summary>
    private void BeatNext()
    {
        var now = Stopwatch.GetTimestamp();
        lock (speakers)
        {
            due += Stopwatch.GetElapsedTime(lastBeat, now).TotalSeconds * (Settings.BeatsPerSecond(speakers.Count) + Volatile.Read(ref extra));
            for (; due >= 1 && speakers.Count > 0; due--)
                speakers[next++ % speakers.Count].Beat();
        }

        lastBeat = now;
    }

    public Task<int> CountAsync() => Task.FromResult(speakers.Count(s => s.IsOpen));

    public async Task<Done> StormAsync()
    {
        beating?.Dispose();
        foreach (var speaker in speakers)
            speaker.Cut();
        var begun = Stopwatch.GetTimestamp();
        // They come back as our clients do by default, so that the server meets the same rush.
        await Task.WhenAll(speakers.Select(async speaker =>
        {
            await Observable.Timer(BackOff.Default.Delay(0, Random.Shared.NextDouble())).ToTask().ConfigureAwait(false);
            await speaker.OpenAsync().ConfigureAwait(false);
        })).ConfigureAwait(false);
        return new Done(begun, Stopwatch.GetTimestamp(), speakers.Count);
    }

    /// <summary>One device.</summary>
    private sealed class Speaker(Place place, int number, bool answered, bool tls)
    {
        private Stream stream = Stream.Null;
        private Socket? socket;
        private int connections;

        public bool IsOpen
        {
            get
            {
                try
                {
                    // What the server says is of no interest, but its end is.
                    Span<byte> heard = stackalloc byte[256];
                    socket!.Blocking = false;
                    while (true)
                    {
                        if (socket.Receive(heard) == 0)
                            return false;
                    }
                }
                catch (SocketException exception)
                {
                    return exception.SocketErrorCode == SocketError.WouldBlock;
                }
            }
        }

        public async Task OpenAsync()
        {
            socket = await place.ConnectAsync(number, CancellationToken.None).ConfigureAwait(false);
            stream = await place.StreamAsync(socket, tls).ConfigureAwait(false);
            var opening = $"IOTLINK/2 id=device-{number} conn={++connections} epoch={number + 1:x} tx=1 window=256 max=4000\n";
            await stream.WriteAsync(System.Text.Encoding.ASCII.GetBytes(opening)).ConfigureAwait(false);
            var heard = new byte[512];
            for (var length = 0; answered && !heard.AsSpan(0, length).Contains((byte)'\n');)
            {
                var read = await stream.ReadAsync(heard.AsMemory(length)).ConfigureAwait(false);
                if (read == 0)
                    throw new IOException($"device-{number} was not let in: {System.Text.Encoding.ASCII.GetString(heard, 0, length)}");
                length += read;
            }
        }

        public void Beat()
        {
            try
            {
                stream.Write("\n"u8);
            }
            catch (IOException)
            {
                // It is lost, which the count will show.
            }
        }

        public void Cut() => socket!.Reset();
    }
}
