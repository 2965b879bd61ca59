using NUnit.Framework;

namespace Rx.IotLink.Tests.Security;

/// <summary>Key files, and what is said of bad ones: the file, the line and the rule, never a key.</summary>
[TestFixture]
internal sealed class DeviceKeysTests
{
    private const string Key = "00112233445566778899aabbccddeeff";

    [Test]
    public void A_file_holds_ids_and_keys()
    {
        using var files = new TestFiles();
        var keys = DeviceKeys.Load(files.Write("keys", $"\ufeff# pumps\n\npump-1 {Key}\r\n  öl ∂ 7\t{Key.ToUpperInvariant()}00  \n"));
        Assert.That(keys.Ids, Is.EquivalentTo(["pump-1", "öl ∂ 7"]));
        Assert.That(Convert.ToHexStringLower(keys.Find("pump-1")!.Value.Span), Is.EqualTo(Key));
        Assert.That(keys.Find("öl ∂ 7")!.Value.Length, Is.EqualTo(17));
        Assert.That(keys.Find("pump-2"), Is.Null);
    }

    [Test]
    public void A_new_key_fits() => Assert.That(DeviceKeys.Parse([$"a {DeviceKeys.NewKey()}"]).Find("a")!.Value.Length, Is.EqualTo(32));

    [TestCase("pump-1", "it must be an id, a blank and a key")]
    [TestCase(Key, "it must be an id, a blank and a key")]
    [TestCase($"{Key} pump-1", "the key, at the end of the line, must be an even number of hex digits, at least 32")]
    [TestCase($"pump-1 {Key} # mine", "the key, at the end of the line, must be")]
    [TestCase($"pump-1 {Key}0", "the key, at the end of the line, must be")]
    [TestCase($"pump-1 x{Key}x", "the key, at the end of the line, must be")]
    [TestCase("pump-1 001122", "the key, at the end of the line, must be")]
    [TestCase($"pump\u0001 {Key}", "the id has a control character")]
    [TestCase($"pump-0 {Key}", "the id has this key already")]
    public void A_bad_line_is_reported_without_its_key(string line, string rule)
    {
        using var files = new TestFiles();
        var path = files.Write("keys", $"pump-0 {Key}\n{line}\n");
        var error = Assert.Throws<FormatException>(() => DeviceKeys.Load(path));
        Assert.That(error!.Message, Does.StartWith($"{path}, line 2: {rule}"));
        Assert.That(error.ToString(), Does.Not.Contain(Key[..8]));
    }

    [Test]
    public void An_id_may_have_an_old_and_a_new_key()
    {
        const string Old = $"{Key}01";
        var keys = DeviceKeys.Parse([$"pump-1 {Old}", $"pump-2 {Key}", $"pump-1 {Key}"]);
        Assert.That(keys.Count, Is.EqualTo(2));
        Assert.That(keys.KeysOf("pump-1").Select(k => Convert.ToHexStringLower(k.Span)), Is.EqualTo([Old, Key]));
        Assert.That(keys.KeysOf("pump-2"), Has.Count.EqualTo(1));
        Assert.That(keys.KeysOf("pump-3"), Is.Empty);
        Assert.That(Convert.ToHexStringLower(keys.Find("pump-1")!.Value.Span), Is.EqualTo(Key), "a device proves the new one");
        Assert.That(
            () => DeviceKeys.Parse([$"a {Key}", $"a {Key}01", $"a {Key}02"]),
            Throws.InstanceOf<FormatException>().With.Message.EqualTo("keys, line 3: the id has two keys already, an old and a new one."));
    }

    [TestCase(UnixFileMode.GroupRead)]
    [TestCase(UnixFileMode.GroupWrite)]
    [TestCase(UnixFileMode.OtherRead)]
    [TestCase(UnixFileMode.OtherWrite)]
    [TestCase(UnixFileMode.GroupExecute | UnixFileMode.OtherExecute, false)]
    [Platform(Exclude = "Win")]
    public void A_private_file_is_nobody_elses(UnixFileMode others, bool refused = true)
    {
        if (OperatingSystem.IsWindows())
            return;
        using var files = new TestFiles();
        var path = files.Write("keys", $"pump-1 {Key}\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | others);
        Assert.That(DeviceKeys.Load(path).Count, Is.EqualTo(1), "Load takes any");
        if (refused)
            Assert.That(() => DeviceKeys.LoadPrivate(path), Throws.InstanceOf<UnauthorizedAccessException>().With.Message.EqualTo($"{path} holds keys, and others than its owner may read or write it: 'chmod 600' mends that."));
        else
            Assert.That(DeviceKeys.LoadPrivate(path).Count, Is.EqualTo(1));
    }

    [Test]
    public void A_file_that_is_not_UTF_8_is_reported()
    {
        using var files = new TestFiles();
        var path = files.Write("keys", [(byte)'p', 0xff, (byte)' ', .. System.Text.Encoding.ASCII.GetBytes(Key)]);
        Assert.That(() => DeviceKeys.Load(path), Throws.InstanceOf<FormatException>().With.Message.EqualTo($"{path} is not UTF-8."));
    }

    [Test]
    public void A_file_that_is_not_there_is_named()
    {
        using var files = new TestFiles();
        Assert.That(() => DeviceKeys.Load(files.PathOf("none")), Throws.InstanceOf<IOException>().With.Message.Contains(files.PathOf("none")));
    }
}
