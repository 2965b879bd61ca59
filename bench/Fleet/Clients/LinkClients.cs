using System.Collections.Concurrent;
using System.Diagnostics;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Reactive.Linq;
using Rx.IotLink.Bench.Fleet.Control;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Bench.Fleet.Clients;

/// <summary>Devices that are real clients, as users start them, on a transport that can be cut.</summary>
internal sealed class LinkClients(Place place) : IClients
{
    /// <summary>Lines that each writes just before the storm.</summary>
    private const int LinesUnderWay = 2;

    private static readonly TimeSpan WriteEvery = TimeSpan.FromMilliseconds(10);

    private readonly List<(IotLinkClient Client, Cuttable Transport)> clients = [];
    private long firstAttempt;
    private long written;
    private IDisposable? writing;

    public async Task<Done> OpenAsync(int count, int together)
    {
        var begun = Stopwatch.GetTimestamp();
        var numbers = Enumerable.Range(place.First + clients.Count, count).ToList();
        var fresh = new ConcurrentBag<(IotLinkClient, Cuttable)>();
        await Parallel.ForEachAsync(numbers, new ParallelOptions { MaxDegreeOfParallelism = together }, async (number, cancellation) =>
        {
            var transport = new Cuttable(place, number, () => Interlocked.CompareExchange(ref firstAttempt, Stopwatch.GetTimestamp(), 0));
            var client = IotLinkClient.Start(new()
            {
                Host = place.Server.Address.ToString(),
                Port = place.Server.Port,
                Id = $"device-{number}",
                Timeout = TimeSpan.FromSeconds(30),
                Transport = transport,
            });
            await client.WaitUntilUpAsync(cancellation).ConfigureAwait(false);
            fresh.Add((client, transport));
        }).ConfigureAwait(false);
        clients.AddRange(fresh);
        return new Done(begun, Stopwatch.GetTimestamp(), clients.Count);
    }

    /// <summary>Clients do so by themselves.</summary>
    public void Beat(double perSecond)
    {
    }

    /// <summary>A line of each device in turn: the numbers of a device follow each other.</summary>
    public void Write(double perSecond)
    {
        var (due, next, began) = (0.0, 0, Stopwatch.GetTimestamp());
        writing?.Dispose();
        writing = Observable.Interval(WriteEvery).Subscribe(_ => WriteDue());

        void WriteDue()
        {
            var now = Stopwatch.GetTimestamp();
            due += Stopwatch.GetElapsedTime(began, now).TotalSeconds * perSecond;
            began = now;
            for (; due >= 1; due--)
            {
                written += next == 0 ? 1 : 0;
                _ = clients[next].Client.WriteAsync($"{written}");
                next = (next + 1) % clients.Count;
            }
        }
    }

    public async Task<int> CountAsync()
    {
        var states = await Task.WhenAll(clients.Select(async c => await c.Client.State.FirstAsync())).ConfigureAwait(false);
        return states.Count(s => s.IsUp);
    }

    public async Task<Done> StormAsync()
    {
        var writes = new List<Task>(clients.Count * LinesUnderWay);
        for (var i = 0; i < LinesUnderWay; i++)
        {
            written++;
            foreach (var (client, _) in clients)
                writes.Add(client.WriteAsync($"{written}"));
        }

        Interlocked.Exchange(ref firstAttempt, 0);
        foreach (var (_, transport) in clients)
            transport.Cut();
        await Task.WhenAll(writes).ConfigureAwait(false);
        await Task.WhenAll(clients.Select(c => c.Client.WaitUntilUpAsync())).ConfigureAwait(false);
        return new Done(Interlocked.Read(ref firstAttempt), Stopwatch.GetTimestamp(), clients.Count);
    }

    /// <summary>TCP from an address of our own, whose connection can be reset.</summary>
    private sealed class Cuttable(Place place, int number, Action attempting) : ITransport
    {
        private Socket? current;

        public IObservable<IConnection> Connect() => Observable.FromAsync(async cancellationToken =>
        {
            attempting();
            try
            {
                current = await place.ConnectAsync(number, cancellationToken).ConfigureAwait(false);
                return (IConnection)new Connection(current);
            }
            catch (SocketException exception)
            {
                throw new IOException($"{place.Server} cannot be reached: {exception.Message}", exception);
            }
        });

        public void Cut() => current?.Reset();
    }

    private sealed class Connection(Socket socket) : IConnection
    {
        private readonly NetworkStream stream = new(socket, ownsSocket: true);

        public PipeReader Input => field ??= PipeReader.Create(stream, new StreamPipeReaderOptions(leaveOpen: true));

        public PipeWriter Output => field ??= PipeWriter.Create(stream, new StreamPipeWriterOptions(leaveOpen: true));

        public EndPoint? RemoteEndPoint { get; } = socket.RemoteEndPoint;

        public void Dispose() => stream.Dispose();
    }
}
