using System.Reactive.Concurrency;
using NUnit.Framework;
using QuickStart;
using Rx.IotLink.Testing;

namespace Rx.IotLink.Tests.Examples;

[TestFixture]
public sealed class SumsTests
{
    private static readonly string[] Devices = ["a", "b"];

    [TestCase("", 0, TestName = "Nothing wrong: 0")]
    [TestCase("lost", 1, TestName = "A lost line: 1")]
    [TestCase("repeated", 1, TestName = "A repeated line: 1")]
    [TestCase("swapped", 1, TestName = "A swapped line: 1")]
    public void The_exit_code_shows_what_the_checker_found(string error, int expected)
    {
        using var books = new Books(Devices, new HistoricalScheduler().StartStopwatch());
        foreach (var lines in books.ToServer.Values.Concat(books.ToDevice.Values).SkipLast(1))
            Fill(lines, "");
        // One of the four histories is enough.
        Fill(books.ToDevice["b"], error);

        Assert.That(Sums.Print(books, [], [], seed: 1), Is.EqualTo(expected));
    }

    private static void Fill(DeliveryChecker lines, string error)
    {
        for (var i = 0; i < 3; i++)
            lines.Write();
        int[] received = error switch { "lost" => [0, 2], "repeated" => [0, 1, 1, 2], "swapped" => [0, 2, 1], _ => [0, 1, 2] };
        foreach (var number in received)
            lines.Received(number);
        foreach (var number in received.Distinct())
            lines.Accepted(number);
    }
}
