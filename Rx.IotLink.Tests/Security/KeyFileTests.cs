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

    /// <summary>As it is with all files of a package or an image that has one time for all.</summary>
    [Test]
    public void Neither_length_nor_time_must_betray_it()
    {
        var path = files.Write("keys", A);
        using var keys = Watch(path);
        var next = files.Write("next", B);
        File.SetLastWriteTimeUtc(path, DateTime.UnixEpoch);
        File.SetLastWriteTimeUtc(next, DateTime.UnixEpoch);
        Run(3);
        File.Move(next, path, overwrite: true);
        Run(2);
        Assert.That((keys.KeysOf("a").Count, keys.KeysOf("b").Count), Is.EqualTo((0, 1)));
    }

    [Test]
    public void A_file_that_is_only_touched_is_no_change()
    {
        var path = files.Write("keys", A);
        using var keys = Watch(path);
        var changes = keys.Changed.Record();
        File.SetLastWriteTimeUtc(path, DateTime.UnixEpoch);
        Run(3);
        Assert.That(changes.Values, Is.Empty);
        Assert.That(Logged(), Is.Empty);
    }

    /// <summary>As an editor does that writes in place: the keys that are not written yet are not revoked.</summary>
    [Test]
    public void One_that_is_cut_short_for_a_moment_revokes_nothing()
    {
        var path = files.Write("keys", A + B);
        using var keys = Watch(path);
        var changes = keys.Changed.Record();
        foreach (var part in new[] { "", A[..10], A })
        {
            files.Write("keys", part);
            Run(1);
            Assert.That((keys.KeysOf("a").Count, keys.KeysOf("b").Count), Is.EqualTo((1, 1)), part);
        }

        files.Write("keys", A + B);
        Run(3);
        Assert.That((keys.KeysOf("a").Count, keys.KeysOf("b").Count), Is.EqualTo((1, 1)));
        Assert.That(changes.Values, Is.Empty);
        Assert.That(Logged(), Is.Empty);
    }

    [TestCase("folder", "denied")]
    [TestCase("/dev/zero", "is empty, or no regular file")]
    [TestCase("/dev/null", "is empty, or no regular file")]
    [TestCase("pipe", "is empty, or no regular file")]
    [TestCase("long", "longer than 67108864 bytes")]
    [Platform("Linux")]
    public void Whatever_takes_its_place_the_keys_stay_and_the_watch_goes_on(string place, string fault)
    {
        var path = files.Write("keys", A);
        using var keys = new KeyFileWatch(path, mayBeShared: true, scheduler, Log());
        keys.Start();
        File.Delete(path);
        switch (place)
        {
            case "folder":
                Directory.CreateDirectory(path);
                break;
            case "pipe":
                files.MakePipe("keys");
                break;
            case "long":
                using (var file = File.Create(path))
                    file.SetLength((64 << 20) + 1);
                break;
            default:
                File.CreateSymbolicLink(path, place);
                break;
        }

        Run(5);
        Assert.That(keys.KeysOf("a"), Has.Count.EqualTo(1));
        Assert.That(Logged().Single().Text, Does.StartWith($"{path} was not read again, and the keys stay as they were until it is repaired: ").And.Contains(fault));

        if (place == "folder")
            Directory.Delete(path);
        else
            File.Delete(path);
        files.Write("keys", B);
        Run(2);
        Assert.That(keys.KeysOf("b"), Has.Count.EqualTo(1));
    }

    /// <summary>File, line, rule and remedy; no key, and nothing that forges a line of the log.</summary>
    [TestCase("a KEY\na KEY\n", "line 2: the id has this key already.")]
    [TestCase("a KEY\na OTHER\na THIRD\n", "line 3: the id has two keys already, an old and a new one.")]
    [TestCase("KEY a\n", "line 1: the key, at the end of the line, must be an even number of hex digits, at least 32.")]
    [TestCase("a\u001b[2J KEY\n", "line 1: the id ")]
    [TestCase("KEY\n", "line 1: it must be an id, a blank and a key.")]
    [TestCase("# none\n", "it holds no key")]
    [Platform(Exclude = "Win")]
    public void What_is_wrong_is_reported_without_the_key(string text, string rule)
    {
        string[] secrets = [DeviceKeys.NewKey(), DeviceKeys.NewKey(), DeviceKeys.NewKey()];
        var path = files.Write("ke\u001bys", A);
        using var keys = Watch(path);
        files.Write("ke\u001bys", text.Replace("KEY", secrets[0], StringComparison.Ordinal).Replace("OTHER", secrets[1], StringComparison.Ordinal).Replace("THIRD", secrets[2], StringComparison.Ordinal));
        Run(3);
        var told = Logged().Single();
        Assert.That(told.Text, Does.StartWith($"{path.Replace("\u001b", "\\u{1b}", StringComparison.Ordinal)} was not read again, and the keys stay as they were until it is repaired: ").And.Contains(rule));
        Assert.That(told.Text, Does.Not.Contain('\u001b'));
        foreach (var secret in secrets)
            Assert.That(told.Text, Does.Not.Contain(secret[..8]));
    }

    [TestCase("", "is empty, or no regular file")]
    [TestCase("no key", "line 1: the key, at the end of the line, must be")]
    [TestCase(null, "Could not find file")]
    public void A_bad_file_keeps_the_keys_and_is_reported_once(string? text, string fault)
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
        Assert.That(Logged()[0].Text, Does.StartWith($"{path} was not read again, and the keys stay as they were until it is repaired: ").And.Contains(fault));

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
        var keys = new KeyFileWatch(path, mayBeShared: false, scheduler, Log());
        keys.Start();
        return keys;
    }

    private ServerLog Log() => new(log.CreateLogger("Rx.IotLink.Server.IotLinkServer"), System.Reactive.Concurrency.DefaultScheduler.Instance);

    private void Run(int seconds) => scheduler.AdvanceBy(TimeSpan.FromSeconds(seconds).Ticks);

    private IReadOnlyList<(int Id, string Text)> Logged() => [.. log.Entries.Values.Select(e => (e.Id, e.Text))];
}
