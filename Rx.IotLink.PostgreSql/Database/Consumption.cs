using Npgsql;

namespace Rx.IotLink.PostgreSql.Database;

/// <summary>Handles the lines of one partition at a time: in their order, many in a transaction.</summary>
/// <param name="name">The consumer.</param>
/// <param name="options">Its options.</param>
/// <param name="setUp">What it needs of the store.</param>
/// <param name="leases">The cursors.</param>
/// <param name="handler">The application.</param>
/// <param name="isTransactional">Whether the handler has a transaction; if not, it is an observer.</param>
/// <param name="notify">Says what happens.</param>
internal sealed class Consumption(
    string name, FleetConsumerOptions options, ConsumerSetUp setUp, Leases leases, HandleLine handler, bool isTransactional, Action<LinkNotice> notify) : IDisposable
{
    public FleetConsumerOptions Options => options;

    public Leases Leases => leases;

    public HandleLine Handler => handler;

    public bool IsTransactional => isTransactional;

    public FleetInbox Inbox { get; } = new(setUp.Schema);

    /// <summary>The lines that failed.</summary>
    public SetAside Aside { get; } = new(setUp.Schema, name);

    public ValueTask<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken) => setUp.Source.OpenConnectionAsync(cancellationToken);

    public void Dispose() => setUp.Source.Dispose();

    /// <summary>Handles what there is, at most one batch of lines after the other up to the horizon.</summary>
    public async Task HandleAsync(Lease lease, long horizon, Func<bool> mayGoOn, CancellationToken cancellationToken)
    {
        var work = new PartitionWork(this, lease, mayGoOn, cancellationToken);
        await using (work.ConfigureAwait(false))
        {
            await work.TryAgainAsync().ConfigureAwait(false);
            await work.ReadAsync(horizon).ConfigureAwait(false);
        }
    }

    /// <summary>A line has failed as often as this says.</summary>
    public SetAside.Failure Failed(FleetLine line, int attempts, Exception e)
    {
        var isDead = attempts >= options.MaxAttempts;
        var said = FleetConsumer.Said(e);
        notify(new(LinkNoticeKind.HandlerFailed, $"the consumer '{name}' failed at line {line}, attempt {attempts}{(isDead ? "; it is a dead letter now" : "")}: {said}", e));
        return new(attempts, options.BackOff.Delay(attempts - 1, Random.Shared.NextDouble()), said, isDead);
    }
}
