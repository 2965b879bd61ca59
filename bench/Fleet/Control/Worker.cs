using System.Text.Json;

namespace Rx.IotLink.Bench.Fleet.Control;

/// <summary>
/// The other side of a <see cref="Child"/>: answers each line of standard input with one of standard output, and ends
/// with its input, so that it never outlives who started it.
/// </summary>
internal static class Worker
{
    public static async Task<int> RunAsync(object greeting, Func<Request, Task<object>> answer)
    {
        await SayAsync(greeting).ConfigureAwait(false);
        while (await Console.In.ReadLineAsync().ConfigureAwait(false) is { } line)
        {
            try
            {
                await SayAsync(await answer(JsonSerializer.Deserialize<Request>(line)!).ConfigureAwait(false)).ConfigureAwait(false);
            }
            catch (Exception exception)
            {
                await SayAsync(new Failure($"{exception.GetType().Name}: {exception.Message}")).ConfigureAwait(false);
            }
        }

        return 0;
    }

    public static ArgumentException Unknown(Request request) => new($"'{request.Do}' is nothing that this process does.", nameof(request));

    private static async Task SayAsync(object message)
    {
        await Console.Out.WriteLineAsync(JsonSerializer.Serialize(message, message.GetType())).ConfigureAwait(false);
        await Console.Out.FlushAsync().ConfigureAwait(false);
    }
}
