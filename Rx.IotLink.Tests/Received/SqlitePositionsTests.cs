using System.Reactive.Linq;
using Microsoft.Data.Sqlite;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Sqlite;
using Rx.IotLink.Testing;
using Rx.IotLink.Tests.Stores.Sqlite;

namespace Rx.IotLink.Tests.Received;

/// <summary>
/// What a handler writes and the acceptance of its line are one transaction in the application's database: its table
/// has each line once, without a name or a unique column.
/// </summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SqlitePositionsTests : IDisposable
{
    private const int Count = 60;

    private static readonly ProcessOptions Options = new() { BackOff = new() { Initial = 1.s(), Factor = 2, Jitter = 0 }, MaxAttempts = 3 };

    private readonly TemporaryFolder folder = new();
    private readonly SimulatedNetwork network = SimulatedNetwork.On(new TestScheduler());
    private readonly List<string> notices = [];
    private readonly SqlitePositions positions;
    private readonly string database;

    public SqlitePositionsTests()
    {
        database = $"Data Source={folder["app.db"]};Pooling=False";
        positions = new(database);
        Do("CREATE TABLE readings (device TEXT, text TEXT)");
    }

    public void Dispose()
    {
        network.Dispose();
        folder.Dispose();
    }

    [TestCase(MemoryAfterCrash.Kept)]
    [TestCase(MemoryAfterCrash.Lost)]
    public void Each_line_is_there_once_and_in_order_though_the_process_dies_between_commit_and_acceptance(MemoryAfterCrash memory)
    {
        var (calls, lines) = (0, 0);
        var insert = positions.InTransaction((line, transaction, _) =>
        {
            calls++;
            return InsertAsync(transaction, line.DeviceId, line.Text);
        });
        var server = network.AddServer(app: (process, _) => process.Process((line, cancelled) =>
        {
            var committed = insert(line, cancelled);
            return ++lines % 10 == 5 ? new TaskCompletionSource().Task : committed;
        }));
        var device = network.AddDevice("pump-1", server);
        Write(device, [.. Enumerable.Range(0, Count).Select(n => $"{n}")]);
        for (var crash = 0; crash < 20; crash++)
        {
            server.Crashes(at: network.Now + 3.s(), lasting: 1.s(), memory);
            network.RunFor(15.s());
        }

        Assert.That(lines, Is.GreaterThan(Count), "lines came again");
        Assert.That(calls, Is.EqualTo(Count), "and no handler was called for them");
        Assert.That(Texts(), Is.EqualTo(Enumerable.Range(0, Count).Select(n => $"{n}")));
        Assert.That(device.Link.Counters.Outbox, Is.Zero);
    }

    [Test]
    public void A_handler_that_fails_leaves_nothing_and_its_line_comes_again()
    {
        var fails = 2;
        var device = Start(positions.InTransaction(async (line, transaction, _) =>
        {
            await InsertAsync(transaction, line.DeviceId, line.Text);
            if (line.Text == "2" && fails-- > 0)
                throw new IOException("planted");
        }));
        Write(device, "1", "2", "3");
        network.RunFor(0.5.s());
        Assert.That((Texts(), Number("SELECT number FROM iotlink_positions")), Is.EqualTo((new[] { "1" }, 1)));
        network.RunFor(10.s());
        Assert.That((Texts(), Number("SELECT number FROM iotlink_positions")), Is.EqualTo((new[] { "1", "2", "3" }, 3)));
    }

    [TestCase(true)]
    [TestCase(false)]
    public void A_handler_that_ends_the_transaction_is_reported_and_its_line_is_there_once(bool commits)
    {
        var ends = 1;
        var device = Start(positions.InTransaction(async (line, transaction, _) =>
        {
            await InsertAsync(transaction, line.DeviceId, line.Text);
            if (ends-- <= 0)
                return;
            if (commits)
                await transaction.CommitAsync(CancellationToken.None);
            else
                await transaction.RollbackAsync(CancellationToken.None);
        }));
        Write(device, "1", "2");
        network.RunFor(10.s());
        Assert.That(Texts(), Is.EqualTo(["1", "2"]));
        Assert.That(notices, Has.Count.EqualTo(1).And.Some.Contains("The handler has ended its transaction, which is committed when it returns."));
    }

    [Test]
    public void A_dead_letter_is_committed_with_its_acceptance()
    {
        var letters = 0;
        var bury = positions.DeadLettersInTransaction((letter, transaction, _) => InsertAsync(transaction, "dead", $"{letter.Line.Text} {letter.Error.Message}"));
        var server = network.AddServer(app: (process, _) => process.Process(
            positions.InTransaction((line, transaction, _) => line.Text == "bad"
                ? Task.FromException(new FormatException("no number"))
                : InsertAsync(transaction, line.DeviceId, line.Text)),
            Options with
            {
                DeadLetters = (letter, cancelled) =>
                {
                    var committed = bury(letter, cancelled);
                    return ++letters == 1 ? new TaskCompletionSource().Task : committed;
                },
            }));
        var device = network.AddDevice("pump-1", server);
        Write(device, "1", "bad", "2");
        server.Crashes(at: network.Now + 20.s(), lasting: 1.s());
        network.RunFor(60.s());
        Assert.That(letters, Is.EqualTo(1), "it was committed, and its process died before it was accepted");
        Assert.That(Texts(), Is.EqualTo(["1", "bad no number", "2"]));
        Assert.That(device.Link.Counters.Outbox, Is.Zero);
    }

    [Test]
    public void A_position_knows_each_number_of_64_bits_and_five_memories_of_a_device()
    {
        Assert.That(Take("a", 1, 1), Is.True);
        Assert.That(Take("a", 1, ulong.MaxValue >> 1), Is.True);
        Assert.That(Take("a", 1, (ulong.MaxValue >> 1) + 1), Is.True);
        Assert.That(Take("a", 1, ulong.MaxValue), Is.True);
        Assert.That(Take("a", 1, ulong.MaxValue), Is.False);
        Assert.That(Take("a", 1, 1), Is.False);
        Assert.That(Take("b", 1, 1), Is.True, "another device");
        for (var epoch = 2UL; epoch <= 5; epoch++)
            Assert.That(Take("a", epoch, 7), Is.True);
        Assert.That(Take("a", ulong.MaxValue, 1), Is.True, "the sixth");
        Assert.That(Take("a", 2, 8), Is.True, "the one that was used longest ago, but one, goes on");
        Assert.That(Take("a", 6, 1), Is.True, "the seventh");
        Assert.That(
            Rows("SELECT epoch || ' ' || number FROM iotlink_positions WHERE device = 'a' ORDER BY used"),
            Is.EqualTo(["4 7", "5 7", "-1 1", "2 8", "6 1"]));
        Assert.That(Number("SELECT count(*) FROM iotlink_positions WHERE device = 'b'"), Is.EqualTo(1));
    }

    [Test]
    public void What_is_rolled_back_has_moved_nothing()
    {
        using (var connection = Open())
        using (var transaction = connection.BeginTransaction())
            Assert.That(SqlitePositions.TryTake(transaction, Line("a", 1, 1)), Is.True);
        Assert.That(Take("a", 1, 1), Is.True);
    }

    [TestCase("")]
    [TestCase("Nonsense=1")]
    public void What_is_no_connection_string_is_refused_at_once(string text) => Assert.That(() => new SqlitePositions(text), Throws.InstanceOf<ArgumentException>());

    private SimulatedDevice Start(Func<ReceivedLine, CancellationToken, Task> handler)
    {
        var server = network.AddServer(app: (process, _) =>
        {
            process.Process(handler, Options);
            process.Links.SelectMany(link => link.Notices).Where(notice => notice.Kind == LinkNoticeKind.HandlerFailed).Subscribe(notice => notices.Add(notice.Detail));
        });
        return network.AddDevice("pump-1", server);
    }

    private static void Write(SimulatedDevice device, params string[] texts)
    {
        foreach (var text in texts)
            device.Link.Writer.OnNext(text);
    }

    private static ReceivedLine Line(string device, ulong epoch, ulong number) => new(device, new(epoch, number), "text"u8.ToArray());

    private bool Take(string device, ulong epoch, ulong number)
    {
        using var connection = Open();
        using var transaction = connection.BeginTransaction();
        var isNew = SqlitePositions.TryTake(transaction, Line(device, epoch, number));
        transaction.Commit();
        return isNew;
    }

    private static async Task InsertAsync(SqliteTransaction transaction, string device, string text)
    {
        await using var insert = new SqliteCommand("INSERT INTO readings VALUES ($device, $text)", transaction.Connection, transaction);
        insert.Parameters.AddWithValue("$device", device);
        insert.Parameters.AddWithValue("$text", text);
        await insert.ExecuteNonQueryAsync();
    }

    private SqliteConnection Open()
    {
        var connection = new SqliteConnection(database);
        connection.Open();
        return connection;
    }

    private void Do(string sql)
    {
        using var connection = Open();
        using var command = new SqliteCommand(sql, connection);
        command.ExecuteNonQuery();
    }

    private string[] Texts() => Rows("SELECT text FROM readings ORDER BY rowid");

    private long Number(string sql) => long.Parse(Rows(sql).Single(), System.Globalization.CultureInfo.InvariantCulture);

    private string[] Rows(string sql)
    {
        using var connection = Open();
        using var command = new SqliteCommand(sql, connection);
        using var reader = command.ExecuteReader();
        var rows = new List<string>();
        while (reader.Read())
            rows.Add(reader.GetString(0));
        return [.. rows];
    }
}
