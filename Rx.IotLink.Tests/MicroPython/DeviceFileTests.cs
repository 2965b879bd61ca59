using System.Globalization;
using System.Net;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Cli;
using Rx.IotLink.Tests.House;
using Rx.IotLink.Tests.Processes;

namespace Rx.IotLink.Tests.MicroPython;

/// <summary>The device's file by itself: its own tests and its example.</summary>
[TestFixture(Interpreter.CPython)]
[TestFixture(Interpreter.MicroPython)]
[Parallelizable(ParallelScope.Self)]
public sealed class DeviceFileTests(string interpreter)
{
    private const string Key = "000102030405060708090a0b0c0d0e0f";

    [OneTimeSetUp]
    public void Needs() => Interpreter.Need(interpreter);

    [TestCase("session.py", 20)]
    [TestCase("shell.py", 9)]
    public async Task Its_own_tests_pass(string script, int atLeast)
    {
        var ran = await Dotnet.RunAsync(interpreter, Repository.Root, [], Interpreter.Script(script));

        Assert.That(ran.Exit, Is.Zero, ran.ToString());
        Assert.That(ran.Output.Split('\n').Count(line => line.StartsWith("ok ", StringComparison.Ordinal)), Is.AtLeast(atLeast));
    }

    [Test]
    public async Task The_example_sends_readings_and_does_what_the_server_says()
    {
        await using var server = await IotLinkServer.StartAsync(new()
        {
            Port = 0,
            Bind = IPAddress.Loopback,
            KeyOf = id => id == "pump-1" ? Convert.FromHexString(Key) : (ReadOnlyMemory<byte>?)null,
        });
        var folder = Directory.CreateTempSubdirectory("iotlink-device");
        try
        {
            foreach (var name in (string[])["example.py", "iotlink.py"])
                File.Copy(Path.Combine(Repository.Root, "clients", "micropython", name), Path.Combine(folder.FullName, name));
            await File.WriteAllTextAsync(
                Path.Combine(folder.FullName, "local.py"),
                string.Create(CultureInfo.InvariantCulture, $"""
                    MY_ID, SERVER, PORT = "pump-1", "127.0.0.1", {server.EndPoint.Port}
                    SSID, PW, TIMEOUT = "", "", 2000
                    KEY = "{Key}"
                    """));
            // CPython buffers its output to a pipe, unless an option turns that off.
            string[] unbuffered = interpreter == Interpreter.CPython ? ["-u"] : [];
            await using var device = IotLinkProcess.StartOther(interpreter, [.. unbuffered, Path.Combine(folder.FullName, "example.py")]);
            var link = await server.WaitForAsync("pump-1").WaitAsync(IotLinkProcess.Bound);
            var readings = link.Lines.Take(3).ToList().ToTask();
            await link.WriteAsync("""{"every": 0.1}""").WaitAsync(IotLinkProcess.Bound);
            await link.WriteAsync("every now and then").WaitAsync(IotLinkProcess.Bound);

            var numbers = (await readings.WaitAsync(IotLinkProcess.Bound)).Select(line => line.Split(',')[0]);
            Assert.That(numbers, Is.EqualTo(new[] { """{"number": 1""", """{"number": 2""", """{"number": 3""" }));
            await device.OutputAsync("the link is up");
            await device.OutputAsync("not understood: ");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
