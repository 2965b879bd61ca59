using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Threading.Channels;
using NUnit.Framework;
using Rx.IotLink.Testing;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Stores;

/// <summary>Received lines that a store keeps together with their acceptance.</summary>
internal sealed class ReceivedKeptTests : ServerTest
{
    [Test]
    public async Task A_line_is_acknowledged_when_its_own_batch_is_kept_and_not_when_an_earlier_one_is()
    {
        var store = new GatedStore();
        var server = await StartServerAsync(ServerOptions with { SessionStore = store });
        var device = StartClient(server, "pump-1");
        await device.WriteAsync("one").Within();
        store.IsGated = true;
        var two = device.WriteAsync("two");
        var batchOfTwo = await store.Batches.Reader.ReadAsync().AsTask().Within();
        var three = device.WriteAsync("three");
        await Bound.EventuallyAsync(() => server.GetConnection("pump-1")!.Counters.LinesReceived == 3);
        batchOfTwo.SetResult();
        await two.Within();
        var batchOfThree = await store.Batches.Reader.ReadAsync().AsTask().Within();
        Assert.That((three.IsCompleted, device.Counters.LinesAcknowledged), Is.EqualTo((false, 2)));
        batchOfThree.SetResult();
        await three.Within();
        Assert.That(store.Received, Is.EqualTo(["one", "two", "three"]));
    }

    /// <summary>A store with an inbox, each of whose batches can be held up.</summary>
    private sealed class GatedStore : ISessionStore, IFleetStore
    {
        private readonly MemorySessionStore memory = new();

        public bool IsGated { get; set; }

        public Channel<TaskCompletionSource> Batches { get; } = Channel.CreateUnbounded<TaskCompletionSource>();

        public List<string> Received { get; } = [];

        public bool KeepsReceived => true;

        public IDisposable DeliverTo(IObservable<ILink> links, IScheduler scheduler) => Disposable.Empty;

        public ValueTask<ClaimedSession> ClaimAsync(string id, CancellationToken cancellationToken = default) => memory.ClaimAsync(id, cancellationToken);

        public async ValueTask<IReadOnlyCollection<SessionClaim>> WriteAsync(IReadOnlyList<SessionWrite> batch, CancellationToken cancellationToken = default)
        {
            if (IsGated)
            {
                var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                await Batches.Writer.WriteAsync(release, cancellationToken);
                await release.Task;
            }

            Received.AddRange(batch.Where(write => write.Record.Kind == SessionRecordKind.Receive).Select(write => write.Record.Text!));
            return await memory.WriteAsync([.. batch.Where(write => write.Record.Kind != SessionRecordKind.Receive)], cancellationToken);
        }

        public ValueTask<IReadOnlyList<StoredLine>> ReadLinesAsync(SessionClaim claim, long after, int count, CancellationToken cancellationToken = default) =>
            memory.ReadLinesAsync(claim, after, count, cancellationToken);
    }
}
