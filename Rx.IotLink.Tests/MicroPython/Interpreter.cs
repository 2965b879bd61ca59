using NUnit.Framework;
using Rx.IotLink.Tests.House;

namespace Rx.IotLink.Tests.MicroPython;

/// <summary>What runs the device's file: CPython, which the tests need, and MicroPython, where there is one.</summary>
internal static class Interpreter
{
    public const string CPython = "python3";
    public const string MicroPython = "micropython";

    /// <summary>Where a program of the device stands.</summary>
    public static string Script(string name) => Path.Combine(Repository.Root, "clients", "micropython", "tests", name);

    /// <summary>
    /// The test fails without CPython. Few systems have MicroPython: without it the test is passed over, and says so.
    /// </summary>
    public static void Need(string interpreter)
    {
        if (Environment.GetEnvironmentVariable("PATH")!.Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, interpreter))))
            return;
        if (interpreter == MicroPython)
            Assert.Ignore("micropython is not installed: apt-get install micropython, where the system has it");
        Assert.Fail($"{interpreter} is not installed: apt-get install {interpreter}");
    }
}
