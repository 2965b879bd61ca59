using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Security;

/// <summary>A server whose keys are in a file that changes.</summary>
[TestFixture]
internal sealed class KeyFileTests
{
    private static readonly string A = $"a {DeviceKeys.NewKey()}\n";
    private static readonly string B = $"b {DeviceKeys.NewKey()}\n";

    private readonly TestScheduler scheduler = new();
    private TestFiles files = null!;
    private TestLog log = null!;

    [SetUp]
    public void MakeFiles() => (files, log) = (new(), new());

    [TearDown]
    public void RemoveFiles() => files.Dispose();

    [Test]
    public void A_change_is_taken_when_the_file_has_been_still_for_a_second()
    {
        var path = files.Write("keys", A);
        using var keys = Watch(path);
        var changes = keys.Changed.Record();
        Run(5);
        Assert.That(changes.Values, Is.Empty);

        files.Write("keys", A + B);
        Run(1);
        Assert.That(keys.KeysOf("b"), Is.Empty, "it may still be written");
        files.Write("keys", B);
        Run(1);
        Assert.That(keys.KeysOf("b"), Is.Empty, "it was written again");
        Run(1);
        Assert.That((keys.KeysOf("a").Count, keys.KeysOf("b").Count), Is.EqualTo((0, 1)));
        Assert.That(changes.Values, Is.EqualTo([(string?)null]));
        Assert.That(Logged(), Is.EqualTo([(5, $"{path} was read again: keys of 1 devices")]));
    }

    [Test]
    public void A_file_that_takes_the_place_of_another_is_taken()
    {
        var path = files.Write("keys", A);
        using var keys = Watch(path);
        var written = File.GetLastWriteTimeUtc(path);
        var next = files.Write("next", B);
        File.SetLastWriteTimeUtc(next, written.AddDays(-1));
        File.Move(next, path, overwrite: true);
        Run(2);
        Assert.That(keys.KeysOf("b"), Has.Count.EqualTo(1));
    }

    [Test]
    [Platform(Exclude = "Win")]
    public void A_link_that_is_turned_to_another_file_is_taken()
    {
        files.Write("one", A);
        File.SetLastWriteTimeUtc(files.Write("two", B), DateTime.UnixEpoch);
        var path = files.PathOf("keys");
        File.CreateSymbolicLink(path, "one");
        using var keys = Watch(path);
        File.Delete(path);
        File.CreateSymbolicLink(path, "two");
        Run(2);
        Assert.That(keys.KeysOf("b"), Has.Count.EqualTo(1));
    }

    [TestCase("", "it holds no key")]
    [TestCase("no key", "line 1: the key, at the end of the line, must be")]
    [TestCase(null, "Could not find file")]
    public void A_bad_file_keeps_the_keys_and_is_told_once(string? text, string fault)
    {
        var path = files.Write("keys", A);
        using var keys = Watch(path);
        if (text is null)
            File.Delete(path);
        else
            files.Write("keys", text);
        Run(10);
        Assert.That(keys.KeysOf("a"), Has.Count.EqualTo(1));
        Assert.That(Logged(), Has.Count.EqualTo(1));
        Assert.That(Logged()[0].Id, Is.EqualTo(6));
        Assert.That(Logged()[0].Text, Does.StartWith($"{path} was not read again, and the keys stay as they were: ").And.Contains(fault));

        files.Write("keys", B);
        Run(2);
        Assert.That((keys.KeysOf("a").Count, keys.KeysOf("b").Count), Is.EqualTo((0, 1)));
    }

    [Test]
    [Platform(Exclude = "Win")]
    public void A_file_that_others_may_read_is_refused_at_the_start_and_later()
    {
        if (OperatingSystem.IsWindows())
            return;
        var path = files.Write("keys", A);
        const UnixFileMode Shared = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;
        using (var keys = Watch(path))
        {
            files.Write("keys", A + B);
            File.SetUnixFileMode(path, Shared);
            Run(2);
            Assert.That(keys.KeysOf("b"), Is.Empty);
            Assert.That(Logged()[0].Text, Does.EndWith("others than its owner may read or write it: 'chmod 600' mends that."));
            File.SetUnixFileMode(path, UnixFileMode.UserRead);
            Run(2);
            Assert.That(keys.KeysOf("b"), Has.Count.EqualTo(1), "the mode alone is a change, too");
        }

        File.SetUnixFileMode(path, Shared);
        Assert.That(async () => await Ends.ServeAsync(o => o with { KeyFile = path }), Throws.InstanceOf<UnauthorizedAccessException>());
        Assert.That(async () => await (await Ends.ServeAsync(o => o with { KeyFile = path, InsecureKeyFile = true })).DisposeAsync(), Throws.Nothing);
    }

    [Test]
    public async Task A_server_reads_its_file_again_by_itself()
    {
        var path = files.Write("keys", A + B);
        var keys = DeviceKeys.Load(path);
        await using var server = await Ends.ServeAsync(o => o with { KeyFile = path });
        await using var a = Ends.Connect(server.EndPoint.Port, o => o with { Key = keys.Find("a") }, "a");
        await using var b = Ends.Connect(server.EndPoint.Port, o => o with { Key = keys.Find("b") }, "b");
        await Task.WhenAll(a.UpAsync(), b.UpAsync());
        var ended = a.StateAsync(s => s.Outage is not null);
        files.Write("keys", B);
        Assert.That((await ended).Outage!.Reason, Is.EqualTo(OutageReason.PeerLeft));
        Assert.That(await Ends.WorksAsync(server, b), Is.True);
        Assert.That(b.Counters.Outages, Is.Zero);
    }

    [Test]
    public void A_watch_that_is_disposed_looks_no_more()
    {
        var path = files.Write("keys", A);
        var keys = Watch(path);
        keys.Dispose();
        files.Write("keys", B);
        scheduler.Start();
        Assert.That(keys.KeysOf("b"), Is.Empty);
    }

    private KeyFileWatch Watch(string path)
    {
        var keys = new KeyFileWatch(path, mayBeShared: false, scheduler, new ServerLog(log.CreateLogger("Rx.IotLink.Server.IotLinkServer"), System.Reactive.Concurrency.DefaultScheduler.Instance));
        keys.Start();
        return keys;
    }

    private void Run(int seconds) => scheduler.AdvanceBy(TimeSpan.FromSeconds(seconds).Ticks);

    private IReadOnlyList<(int Id, string Text)> Logged() => [.. log.Entries.Values.Select(e => (e.Id, e.Text))];
}
