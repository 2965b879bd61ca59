using NUnit.Framework;
using Rx.IotLink.Tests.House;

namespace NanoTests;

/// <summary>
/// The device's sources use what nanoFramework 1.x has, and nothing that fails on it; and the check finds what it looks
/// for.
/// </summary>
public sealed class NanoApiTests
{
    [Test]
    public void The_library_compiles_against_what_the_device_has() => Assert.That(NanoCheck.FaultsOf(NanoProject.Library.Sources), Is.Empty);

    [Test]
    public void The_example_compiles_against_what_the_device_has() =>
        Assert.That(NanoCheck.FaultsOf(NanoProject.Library.Sources.Where(s => !s.EndsWith("AssemblyInfo.cs", StringComparison.Ordinal)).Concat(NanoProject.Example.Sources)), Is.Empty);

    [Test]
    public void The_library_and_the_example_compile_against_the_devices_own_mscorlib() =>
        Assert.That(NanoCheck.ErrorsOf(NanoProject.Library.Sources.Where(s => !s.EndsWith("AssemblyInfo.cs", StringComparison.Ordinal)).Concat(NanoProject.Example.Sources)), Is.Empty);

    [Test]
    public void That_is_the_version_that_the_project_names() =>
        Assert.That(NanoCheck.CoreLibrary, Does.Contain($"/{NanoProject.Library.Packages["nanoFramework.CoreLibrary"]}/").And.Matches<string>(File.Exists));

    [Test]
    public void It_lacks_what_the_device_lacks() =>
        Assert.That(NanoCheck.ErrorsOf("class C { string M(string s) { return s.Replace('a', 'b'); } }"), Has.Some.Contains("'Replace'"));

    [Test]
    public void The_firmware_of_the_bridge_compiles_against_what_the_device_has() =>
        Assert.That(NanoCheck.FaultsOf(NanoProject.Library.Sources.Where(s => !s.EndsWith("AssemblyInfo.cs", StringComparison.Ordinal)).Concat(NanoProject.Firmware.Sources)), Is.Empty);

    [Test]
    public void The_ends_of_an_I2C_bus_compile_against_what_the_device_has() =>
        Assert.That(NanoCheck.FaultsOf(NanoProject.Library.Sources.Where(s => !s.EndsWith("AssemblyInfo.cs", StringComparison.Ordinal)).Concat(NanoProject.I2c.Sources)), Is.Empty);

    [Test]
    public void The_program_of_the_guide_compiles_too()
    {
        var guide = Repository.Read("docs", "esp32.md");
        var start = guide.IndexOf("```c#\n", StringComparison.Ordinal) + 6;
        var program = guide[start..guide.IndexOf("```", start, StringComparison.Ordinal)];
        Assert.That(NanoCheck.FaultsOf([.. NanoProject.Library.Sources, program]), Is.Empty);
    }

    [Test]
    public void A_good_sample_passes() => Assert.That(
        NanoCheck.FaultsOf("""
            using System; using System.Collections; using System.Threading;
            public delegate void Said(string text);
            public interface IThing { int Value { get; } void Do(); }
            public enum Kind { One, Two }
            public class Good : IThing
            {
                private readonly ArrayList list = new();
                public event Said Heard;
                public int Value { get; init; }
                public void Do()
                {
                    int seven = 7;
                    void Local() => list.Add(seven);
                    new Thread(() => { lock (list) Local(); }).Start();
                    foreach (object o in list)
                        if (o is int and > 3) Heard?.Invoke($"{o} of {list.Count}");
                    string name = Value switch { 1 => "one", _ => "more" };
                    Kind kind = Kind.One;
                    if (kind == Kind.Two || int.TryParse(name, out int parsed) && parsed > 0) Console.WriteLine(((int)kind).ToString());
                }
            }
            """),
        Is.Empty);

    [TestCase("class C<T> { }", "own generic type")]
    [TestCase("class C { static int M<T>(T t) { return 0; } }", "own generic method")]
    [TestCase("class C { System.Action<int> a; }", "generic type")]
    [TestCase("class C { System.Func<int> f; }", "generic type")]
    [TestCase("interface I { int M() { return 1; } }", "default interface member")]
    [TestCase("interface I { int P => 1; }", "default interface member")]
    [TestCase("class C { int[,] a = new int[2, 2]; }", "array of several dimensions")]
    [TestCase("enum E { A } class C { string M(E e) { return e.ToString(); } }", "enumeration to text")]
    [TestCase("enum E { A } class C { string M(E e) { return \"is \" + e; } }", "enumeration to text")]
    [TestCase("enum E { A } class C { string M(E e) { return $\"is {e}\"; } }", "enumeration to text")]
    [TestCase("enum E { A } class C { object M(E e) { return e; } }", "enumeration to text")]
    [TestCase("class C { volatile bool b; }", "volatile")]
    [TestCase("class C { int? n; }", "nullable type")]
    [TestCase("class C { System.Collections.IEnumerable M() { yield return 1; } }", "yield")]
    [TestCase("class C { (int, int) M() { return (1, 2); } }", "tuple")]
    [TestCase("record R(int A);", "record")]
    [TestCase("class C { async void M() { } }", "async")]
    [TestCase("class C { string M(string s) { return s.Replace('a', 'b'); } }", "'Replace'")]
    [TestCase("class C { string M(string s) { return s[1..]; } }", "range")]
    [TestCase("class C { string M(string[] s) { return string.Join(\",\", s); } }", "'Join'")]
    [TestCase("class C { void M(object o) { System.Threading.Monitor.Wait(o); } }", "'Wait'")]
    [TestCase("class C { void M(System.Threading.Thread t) { t.IsBackground = true; } }", "'IsBackground'")]
    [TestCase("class C { void M(System.Threading.WaitHandle h) { h.WaitOne(5); } }", "'exitContext'")]
    [TestCase("class C { void M(System.Net.Sockets.Socket s) { s.Shutdown(0); } }", "'Shutdown'")]
    [TestCase("class C { void M(System.Collections.Hashtable h) { h.ContainsKey(1); } }", "'ContainsKey'")]
    [TestCase("class C { System.Security.Cryptography.HMACSHA256 h; }", "'HMACSHA256'")]
    [TestCase("class C { System.Span<byte> s; }", "'Span<>'")]
    [TestCase("class C { decimal d; }", "System.Decimal")]
    [TestCase("using System.Linq; class C { }", "'Linq'")]
    public void A_bad_sample_does_not(string sample, string fault) => Assert.That(NanoCheck.FaultsOf(sample), Has.Some.Contain(fault));
}
