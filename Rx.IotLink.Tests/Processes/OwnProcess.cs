using Rx.IotLink.Server;

namespace Rx.IotLink.Tests.Processes;

/// <summary>What a test runs as a process of its own, since it ends the process: the tests' own program.</summary>
internal static class OwnProcess
{
    /// <summary>An application with <c>async void</c> for each line.</summary>
    public const string AsyncVoid = "async-void";

    /// <summary>The same with <c>Process</c>.</summary>
    public const string WithProcess = "process";

    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

    /// <summary>Runs one of the applications.</summary>
    /// <returns>0: it lived on after its handler had thrown.</returns>
    public static async Task<int> Main(string[] arguments)
    {
        await using var server = await IotLinkServer.StartAsync(new() { Port = 0, Bind = System.Net.IPAddress.Loopback });
        await using var client = IotLinkClient.Start(new IotLinkClientOptions { Host = "127.0.0.1", Port = server.EndPoint.Port, Id = "pump-1" });
        var link = await server.WaitForAsync("pump-1").WaitAsync(Bound);
        var done = new TaskCompletionSource();
        var attempts = 0;

        async Task HandleAsync(string line)
        {
            attempts++;
            await Task.Yield();
            if (attempts == 1)
            {
                // With async void the line is acknowledged before this: the writer knows nothing of it.
                if (arguments[0] == AsyncVoid)
                    await done.Task.WaitAsync(Bound);
                throw new InvalidOperationException($"{line} is not processed");
            }

            await Console.Out.WriteLineAsync($"{line} is processed");
        }

#pragma warning disable MA0147, VSTHRD101, MA0155 // This is what must not be done.
        using var observing = arguments[0] == AsyncVoid
            ? link.Lines.Subscribe(async line => await HandleAsync(line))
            : link.Process((line, _) => HandleAsync(line.Text));
#pragma warning restore MA0147, VSTHRD101, MA0155
        await client.WriteAsync("line 1").WaitAsync(Bound);
        await Console.Out.WriteLineAsync("accepted");
        done.SetResult();
        if (arguments[0] == AsyncVoid)
            await new TaskCompletionSource().Task.WaitAsync(Bound);
        return 0;
    }
}
