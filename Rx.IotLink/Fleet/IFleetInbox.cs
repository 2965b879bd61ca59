namespace Rx.IotLink;

/// <summary>
/// The lines that the devices of a fleet sent, kept for consumers in any process. What each store promises of it is the
/// same, up to the transaction that <see cref="IFleet"/> has.
/// </summary>
public interface IFleetInbox
{
    /// <summary>
    /// Runs a handler for each received line. A line counts as handled when the handler has ended well. If its process
    /// dies before the store knows that, the line comes again, to another one, with the same name
    /// (<see cref="FleetLine.Line"/>): what must happen once is written with that name. Where the store is a database,
    /// <see cref="IFleet.Process"/> has a transaction for it.
    /// </summary>
    /// <param name="consumer">
    /// The name of the consumer, 1 to 100 characters. Those with the same name share its lines; each name gets all
    /// lines.
    /// </param>
    /// <param name="handler">Handles a line. If it throws, the line comes again, after a delay.</param>
    /// <param name="options">Limits and times. Default <see cref="FleetConsumerOptions.Default"/>.</param>
    /// <remarks>
    /// Lines of one device come in order, one at a time. What comes from a device while one of its lines fails waits
    /// behind that one; with <see cref="FleetConsumerOptions.MaxAttempts"/> the line becomes a dead letter in the end.
    /// Over a database the handler runs in a transaction all the same, which ends with it.
    /// </remarks>
    /// <returns>It ends when it is disposed of, or the store is.</returns>
    /// <exception cref="ArgumentException">The name or an option is out of range.</exception>
    FleetConsumer Process(string consumer, Func<FleetLine, CancellationToken, Task> handler, FleetConsumerOptions? options = null);

    /// <summary>
    /// The received lines. All subscriptions of one consumer get each line once together. A line counts as handled soon
    /// after <c>OnNext</c> has returned: after a crash the last ones, at most
    /// <see cref="FleetConsumerOptions.BatchLines"/>, come again, with the same names (<see cref="FleetLine.Line"/>).
    /// </summary>
    /// <param name="consumer">The name of the consumer: <see cref="Process"/>.</param>
    /// <param name="options">Limits and times. Default <see cref="FleetConsumerOptions.Default"/>.</param>
    /// <remarks>
    /// It never completes, and never fails: while the store is away, it waits. An observer that throws gets nothing
    /// more, and its line goes to another one.
    /// </remarks>
    /// <exception cref="ArgumentException">The name or an option is out of range.</exception>
    IObservable<FleetLine> Lines(string consumer, FleetConsumerOptions? options = null);

    /// <summary>
    /// Removes a consumer that nobody needs any more: lines are not kept for it any longer, and its dead letters are
    /// deleted. If it runs again, it is a new one.
    /// </summary>
    /// <param name="consumer">The name of the consumer. An unknown one changes nothing.</param>
    /// <exception cref="SessionStoreException">The store failed.</exception>
    Task ForgetConsumerAsync(string consumer);
}
