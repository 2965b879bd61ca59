using System.Globalization;
using NUnit.Framework;
using Rx.IotLink.Tests.House;
using Rx.IotLink.Tests.Processes;

namespace Rx.IotLink.Tests.MicroPython;

/// <summary>
/// What a device pays: bytes of MicroPython's heap for the code, compiled from source, and for a link.
/// </summary>
public sealed class DeviceHeapTests
{
    [Test]
    public async Task It_costs_little_memory()
    {
        Interpreter.Need(Interpreter.MicroPython);
        var ran = await Dotnet.RunAsync(Interpreter.MicroPython, Repository.Root, [], Interpreter.Script("heap.py"));
        await TestContext.Out.WriteLineAsync(ran.Output);

        var figures = ran.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .ToDictionary(line => line.Split(' ')[0], line => int.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture), StringComparer.Ordinal);
        // Nearly all of a link are pointers, and half of the code.
        var wide = figures["pointer"] / 4;
        Assert.Multiple(() =>
        {
            Assert.That(figures["code"], Is.LessThan(wide == 1 ? 20_000 : 28_000));
            Assert.That(figures["session"], Is.LessThanOrEqualTo(512 * wide));
            Assert.That(figures["client"], Is.LessThan(2_000 * wide));
        });
    }
}
