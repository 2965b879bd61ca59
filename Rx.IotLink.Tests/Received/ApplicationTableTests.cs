using System.Reactive.Linq;
using Microsoft.Data.Sqlite;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Testing;
using Rx.IotLink.Tests.Stores.Sqlite;

namespace Rx.IotLink.Tests.Received;

/// <summary>
/// An application that stores the names of lines with its own rows, in one transaction, has each line once, though its
/// process dies between that and the acknowledgement.
/// </summary>
public sealed class ApplicationTableTests
{
    private TemporaryFolder folder = null!;

    [SetUp]
    public void MakeFolder() => folder = new();

    [TearDown]
    public void RemoveFolder() => folder.Dispose();

    [TestCase(MemoryAfterCrash.Kept)]
    [TestCase(MemoryAfterCrash.Lost)]
    public void Each_line_is_in_the_table_once_and_in_order(MemoryAfterCrash memory)
    {
        const int Count = 60;
        var handled = 0;
        using var table = new SqliteConnection($"Data Source={folder["app.db"]};Pooling=False");
        table.Open();
        Do(table, "CREATE TABLE readings (device TEXT, epoch INTEGER, number INTEGER, text TEXT, UNIQUE (device, epoch, number))");
        using var network = SimulatedNetwork.On(new TestScheduler());
        var server = network.AddServer(app: (process, _) => process.Process((line, _) =>
        {
            Insert(table, line);
            // This process dies after the transaction, and before the line is accepted.
            return ++handled % 10 == 5 ? new TaskCompletionSource().Task : Task.CompletedTask;
        }));
        var device = network.AddDevice("pump-1", server);
        foreach (var n in Enumerable.Range(0, Count))
            device.Link.Writer.OnNext($"{n}");
        for (var crash = 0; crash < 20; crash++)
        {
            server.Crashes(at: network.Now + 3.s(), lasting: 1.s(), memory);
            network.RunFor(15.s());
        }

        Assert.That(handled, Is.GreaterThan(Count), "lines came again");
        Assert.That(Texts(table), Is.EqualTo(Enumerable.Range(0, Count).Select(n => $"{n}")));
        Assert.That(device.Link.Counters.Outbox, Is.Zero);
    }

    private static void Insert(SqliteConnection table, ReceivedLine line)
    {
        using var transaction = table.BeginTransaction();
        using var insert = table.CreateCommand();
        insert.Transaction = transaction;
        insert.CommandText = "INSERT INTO readings VALUES ($device, $epoch, $number, $text) ON CONFLICT DO NOTHING";
        insert.Parameters.AddWithValue("$device", line.DeviceId);
        insert.Parameters.AddWithValue("$epoch", unchecked((long)line.Line.Epoch));
        insert.Parameters.AddWithValue("$number", unchecked((long)line.Line.Number));
        insert.Parameters.AddWithValue("$text", line.Text);
        insert.ExecuteNonQuery();
        transaction.Commit();
    }

    private static List<string> Texts(SqliteConnection table)
    {
        using var select = table.CreateCommand();
        select.CommandText = "SELECT text FROM readings ORDER BY rowid";
        using var reader = select.ExecuteReader();
        var texts = new List<string>();
        while (reader.Read())
            texts.Add(reader.GetString(0));
        return texts;
    }

    private static void Do(SqliteConnection table, string text)
    {
        using var command = table.CreateCommand();
        command.CommandText = text;
        command.ExecuteNonQuery();
    }
}
