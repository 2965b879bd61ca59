using System.Buffers;
using System.Reactive.Concurrency;
using System.Runtime.CompilerServices;
using System.Text;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version1;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Server;

/// <summary>
/// The opening of one connection, before it has a link: the first line tells the version, a client of protocol 2 may have to prove itself, and all of it
/// within one deadline.
/// </summary>
internal sealed class ConnectionOpening : IDisposable
{
    private readonly IConnection connection;
    private readonly IotLinkServerOptions options;
    private readonly FillRandom random;
    private readonly TimeSpan limit;
    private readonly IDisposable deadline;
    private volatile bool late;
    private bool speaksVersion2;

    public ConnectionOpening(IConnection connection, IotLinkServerOptions options, FillRandom random)
    {
        (this.connection, this.options, this.random) = (connection, options, random);
        limit = options.OpeningTimeout ?? options.Timeout;
        deadline = options.Scheduler.Schedule(limit, () =>
        {
            late = true;
            connection.Input.CancelPendingRead();
        });
    }

    /// <summary>The id, as far as it was said.</summary>
    public string Id { get; private set; } = "";

    /// <summary>Whether the client has proved that it knows its key.</summary>
    public bool Proven { get; private set; }

    /// <summary>Reads the opening.</summary>
    /// <remarks>The pooled builders continue on the thread that completes them, whatever its context: a virtual clock's thread is not left.</remarks>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<PeerOpening> ReadAsync()
    {
        var first = await ReadLineAsync(options.Protocol2 ? Math.Max(Tokens.MaxBytes, options.MaxIdBytes) : options.MaxIdBytes).ConfigureAwait(false);
        var opening = Tokens.IsOpening(first)
            ? await Version2Async(first).ConfigureAwait(false)
            : Version1(first);
        deadline.Dispose();
        return opening;
    }

    /// <summary>Tells a client of protocol 2 why it is refused; one of protocol 1 has no ears for it.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask SayNoAsync(Refusal refusal, string text)
    {
        if (speaksVersion2)
        {
            var (code, passing) = CodeOf(refusal);
            await SayAsync(Protocol.Version2.Refusal.Line(code, passing ? options.RetryAfter : null, code == RefusalCode.Auth ? null : text)).ConfigureAwait(false);
        }

        await connection.Output.CompleteAsync().ConfigureAwait(false);
    }

    public void Dispose() => deadline.Dispose();

    private IdOpening Version1(string first)
    {
        var opening = IdOpening.Read(first, options.MaxIdBytes);
        Id = opening.Id;
        if (!options.SpeaksProtocol1)
            throw new RefusedException(Refusal.Version, "protocol 1 is switched off");
        if (Proof.Usable(options.KeyOf?.Invoke(Id)) is not null)
            throw new RefusedException(Refusal.Version, "the id has a key, which protocol 1 cannot use");
        return opening;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<PeerOpening> Version2Async(string first)
    {
        if (!options.Protocol2)
            throw new RefusedException(Refusal.Version, "protocol 2 is switched off");
        var greeting = new ServerGreeting(options.KeyOf, random, options.MaxIdBytes);
        var challenge = greeting.First(first);
        Id = greeting.Opening!.Id;
        if (challenge is not null)
        {
            await SayAsync(challenge).ConfigureAwait(false);
            greeting.Second(await ReadLineAsync(Tokens.MaxBytes).ConfigureAwait(false));
            Proven = true;
        }

        return greeting.Opening;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<string> ReadLineAsync(int maxBytes)
    {
        while (true)
        {
            var result = await connection.Input.ReadAsync().ConfigureAwait(false);
            var bytes = result.Buffer;
            speaksVersion2 |= Tokens.Begins(bytes);
            if (FirstLine.TryRead(ref bytes, maxBytes, out var line))
            {
                // What follows is looked at again by the next reader.
                connection.Input.AdvanceTo(bytes.Start);
                return line;
            }

            connection.Input.AdvanceTo(result.Buffer.Start, result.Buffer.End);
            if (late)
                throw new RefusedException(Refusal.OpeningTimeout, $"no id within {limit.TotalSeconds:0.###} s");
            if (result.IsCompleted)
                throw new RefusedException(Refusal.NoId, "it closed before it had said its id");
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask SayAsync(string line)
    {
        connection.Output.Write(Encoding.UTF8.GetBytes(line + "\n"));
        await connection.Output.FlushAsync().ConfigureAwait(false);
    }

    private static (RefusalCode Code, bool Passing) CodeOf(Refusal refusal) => refusal switch
    {
        Refusal.Version => (RefusalCode.Version, false),
        Refusal.BadId => (RefusalCode.Malformed, false),
        Refusal.TooLong => (RefusalCode.TooLong, false),
        Refusal.NotProven => (RefusalCode.Auth, false),
        Refusal.UnknownId or Refusal.OtherAddress => (RefusalCode.UnknownId, false),
        Refusal.IdLive => (RefusalCode.Busy, true),
        _ => (RefusalCode.Overloaded, true),
    };
}
