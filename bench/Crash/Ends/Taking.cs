using System.Reactive.Disposables;
using Rx.IotLink;
using Rx.IotLink.Server;
using Rx.IotLink.Sqlite;

namespace Crash.Ends;

/// <summary>How an application takes what arrives, so that a line that comes again counts once.</summary>
internal enum HowTaken
{
    /// <summary>
    /// From <c>Received</c>, into a table that has the name of each line in a unique column; then it is accepted.
    /// </summary>
    Names,

    /// <summary>
    /// By <c>Process</c>, in a transaction with the position of the device, in a file of the application's own.
    /// </summary>
    Positions,

    /// <summary>The same, in the file of the store.</summary>
    PositionsInStore,

    /// <summary>
    /// At the server by a consumer of the fleet: lines are accepted into the inbox of the store, and the consumer's
    /// place moves in the transaction of the handler. At the device as before.
    /// </summary>
    Fleet,

    /// <summary>
    /// By <c>Process</c>, with nothing that knows a line again: the run must find lines that are repeated.
    /// </summary>
    Plain,
}

/// <summary>The application of one end, as far as it takes lines.</summary>
internal sealed class Taking : IDisposable
{
    private readonly HowTaken how;
    private readonly Table table;
    private readonly SqlitePositions positions;
    private readonly FileStream again;

    private Taking(HowTaken how, Table table, SqlitePositions positions, FileStream again) =>
        (this.how, this.table, this.positions, this.again) = (how, table, positions, again);

    /// <summary>The file of the table.</summary>
    public static string FileOf(HowTaken how, string folder) => how is HowTaken.PositionsInStore or HowTaken.Fleet ? EndProgram.StoreOf(folder) : Path.Combine(folder, "table.db");

    /// <summary>How often a line was given that was committed already, in all lives of an end.</summary>
    public static long GivenAgain(string folder) => new FileInfo(AgainOf(folder)) is { Exists: true } file ? file.Length : 0;

    /// <summary>Opens the table, or makes it: after the store, whose file it may be in.</summary>
    public static Taking Open(HowTaken how, string folder)
    {
        var file = FileOf(how, folder);
        return new(
            how, Table.Open(file, hasNames: how == HowTaken.Names), new($"Data Source={file}"),
            new FileStream(AgainOf(folder), FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0));
    }

    /// <summary>Takes the lines of one link.</summary>
    public IDisposable Of(ILink link) => how == HowTaken.Names ? Receive(link) : link.Process(Handle);

    /// <summary>Takes those of all links.</summary>
    public IDisposable Of(IotLinkServer server, ISessionStore store) => how switch
    {
        HowTaken.Names => server.Links.Subscribe(link => Receive(link), _ => { }),
        HowTaken.Fleet => Consume((SqliteSessionStore)store),
        _ => server.Process(Handle, new() { MaxConcurrent = 1 }),
    };

    public void Dispose()
    {
        again.Dispose();
        table.Dispose();
    }

    private static IDisposable Consume(SqliteSessionStore store)
    {
        // It ends with the store.
        _ = store.Fleet.Process("table", (line, transaction, cancelled) => Table.InsertAsync(transaction, line.DeviceId, line.Line, line.Text, cancelled));
        return Disposable.Empty;
    }

    private IDisposable Receive(ILink link) => link.Received.Subscribe(
        line =>
        {
            table.Take(line.DeviceId, line.Line, line.Text);
            line.Accept();
        },
        _ => { });

    private async Task Handle(ReceivedLine line, CancellationToken cancellationToken)
    {
        if (how == HowTaken.Plain)
        {
            table.Take(line.DeviceId, line.Line, line.Text);
            return;
        }

        var isNew = false;
        await positions.InTransaction((_, transaction, cancelled) =>
        {
            isNew = true;
            return Table.InsertAsync(transaction, line.DeviceId, line.Line, line.Text, cancelled);
        })(line, cancellationToken);
        if (!isNew)
            again.WriteByte((byte)'\n');
    }

    private static string AgainOf(string folder) => Path.Combine(folder, "again");
}
