using System.Globalization;
using Rx.IotLink.Tests.Cli;

namespace Rx.IotLink.Tests.MicroPython;

/// <summary>
/// The device's file in a process of its own, driven by tests/device.py: it writes numbered lines until the server says
/// "restart" or "end".
/// </summary>
internal sealed class Device(string interpreter, int port, string key) : IAsyncDisposable
{
    private const string Wrote = "wrote ";

    private readonly string memory = Path.Combine(Path.GetTempPath(), $"iotlink-device-{Guid.NewGuid():N}.json");
    private readonly List<string> before = [];
    private IotLinkProcess? process;

    /// <summary>All that it has printed, in all its lives.</summary>
    public IReadOnlyList<string> Printed => [.. before, .. process is null ? [] : IotLinkProcess.SoFar(process.Output)];

    /// <summary>The lines that its application was given.</summary>
    public IReadOnlyList<string> Received => After("got ");

    /// <summary>Its own lines that were reported as accepted.</summary>
    public IReadOnlyList<int> Accepted => [.. After("accepted ").Select(number => int.Parse(number, CultureInfo.InvariantCulture))];

    /// <summary>How often its link came up.</summary>
    public int Ups => Printed.Count(line => line == "up");

    /// <summary>Begins a life; it goes on from the memory that the life before has kept, if it has.</summary>
    public void Start(int first = 1) => process = IotLinkProcess.StartOther(
        interpreter, Interpreter.Script("device.py"), "127.0.0.1", Text(port), "pump-1", key, Text(first), memory);

    /// <summary>Waits until it has ended by itself; gives the number of the last line it wrote.</summary>
    public async Task<int> EndAsync()
    {
        var exit = await process!.ExitAsync();
        var printed = IotLinkProcess.SoFar(process.Output);
        await BuryAsync();

        // Not always its last line: an acceptance that came at the same time is printed by another of its tasks.
        if (exit != 0 || printed.LastOrDefault(line => line.StartsWith(Wrote, StringComparison.Ordinal)) is not { } last)
            throw new InvalidOperationException($"The device ended with {exit}: {string.Join(" | ", printed.TakeLast(5))}");
        return int.Parse(last[Wrote.Length..], CultureInfo.InvariantCulture);
    }

    /// <summary>Its power fails.</summary>
    public async Task KillAsync()
    {
        await process!.KillAsync();
        await BuryAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (process is not null)
            await process.DisposeAsync();
        File.Delete(memory);
    }

    private async Task BuryAsync()
    {
        await process!.ExitAsync();
        before.AddRange(IotLinkProcess.SoFar(process.Output));
        await process.DisposeAsync();
        process = null;
    }

    private string[] After(string word) =>
        [.. Printed.Where(line => line.StartsWith(word, StringComparison.Ordinal)).Select(line => line[word.Length..])];

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
