using System.Buffers;
using System.IO.Pipelines;
using System.Reactive.Concurrency;
using System.Runtime.CompilerServices;
using System.Text;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version1;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Server;

/// <summary>
/// The opening of one connection, before it has a link. The first line shows the version, and a client of protocol 2
/// may have to prove itself. All of it has one deadline.
/// </summary>
internal sealed class ConnectionOpening : IDisposable
{
    private readonly IConnection connection;
    private readonly IotLinkServerOptions options;
    private readonly IdForm form;
    private readonly FillRandom random;
    private readonly TimeSpan limit;
    private readonly IDisposable deadline;
    private readonly CancellationToken stopped;
    private readonly CancellationTokenRegistration end;
    private volatile bool late;
    private volatile RefusedException? turnedAway;
    private bool speaksVersion2;

    /// <summary>Begins to wait for an opening.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="options">The limits.</param>
    /// <param name="form">The form of ids.</param>
    /// <param name="random">For a challenge.</param>
    /// <param name="most">A shorter time limit than that of the options; or null.</param>
    /// <param name="stopped">Ends the wait.</param>
    public ConnectionOpening(IConnection connection, IotLinkServerOptions options, IdForm form, FillRandom random, TimeSpan? most, CancellationToken stopped)
    {
        (this.connection, this.options, this.form, this.random, this.stopped) = (connection, options, form, random, stopped);
        end = stopped.UnsafeRegister(static input => ((PipeReader)input!).CancelPendingRead(), connection.Input);
        limit = options.OpeningLimit;
        if (most < limit)
            limit = most.Value;
        deadline = options.Scheduler.Schedule(limit, () =>
        {
            late = true;
            connection.Input.CancelPendingRead();
        });
    }

    /// <summary>Whether no byte has arrived.</summary>
    public bool IsSilent { get; private set; } = true;

    /// <summary>The id, if it was sent already.</summary>
    public string Id { get; private set; } = "";

    /// <summary>Whether the client was asked to prove itself.</summary>
    public bool IsChallenged { get; private set; }

    /// <summary>Whether the client has proved that it knows its key.</summary>
    public bool Proven { get; private set; }

    /// <summary>Another connection replaces it, unless its opening is complete already.</summary>
    public void TurnAway(RefusedException why)
    {
        turnedAway = why;
        connection.Input.CancelPendingRead();
    }

    /// <summary>Reads the opening.</summary>
    /// <remarks>
    /// Pooled builders continue on the thread that completes them, in any context, so all stays on the thread of a
    /// virtual clock.
    /// </remarks>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<PeerOpening> ReadAsync()
    {
        var first = await ReadLineAsync(options.MaxIdBytes).ConfigureAwait(false);
        var opening = Tokens.IsOpening(first)
            ? await Version2Async(first).ConfigureAwait(false)
            : Version1(first);
        Dispose();
        return opening;
    }

    /// <summary>Reads the first line, which shows the version.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask HearVersionAsync() => await ReadLineAsync(options.MaxIdBytes).ConfigureAwait(false);

    /// <summary>Sends the reason of a refusal to a client of protocol 2; protocol 1 has no message for it.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask SayNoAsync(Refusal refusal, string text)
    {
        try
        {
            if (speaksVersion2)
            {
                var (code, passing) = CodeOf(refusal, asksForKeys: options.Keys is not null);
                await SayAsync(Protocol.Version2.Refusal.Line(code, passing ? options.RetryAfter : null, code == RefusalCode.Auth || text.Length == 0 ? null : text)).ConfigureAwait(false);
            }

            await connection.Output.CompleteAsync().ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or InvalidOperationException or OperationCanceledException)
        {
            // It has left already, without waiting for the answer.
        }
    }

    public void Dispose()
    {
        deadline.Dispose();
        end.Dispose();
    }

    private IdOpening Version1(string first)
    {
        var opening = IdOpening.Read(first, options.MaxIdBytes);
        Id = opening.Id;
        if (!options.SpeaksProtocol1)
            throw new RefusedException(Refusal.Version, "protocol 1 is switched off");
        ThrowIfFaulty(proven: false);
        if (options.Keys is not null && Proof.Usable(KeysOf(Id)).Length > 0)
            throw new RefusedException(Refusal.Version, "the id has a key, which protocol 1 cannot use");
        return opening;
    }

    private void ThrowIfFaulty(bool proven)
    {
        if (form.Fault(Id, proven) is { } fault)
            throw new RefusedException(Refusal.IdForm, $"the id {fault}");
    }

    /// <summary>Calls the application's code; a failure of it is not the peer's fault.</summary>
    private IReadOnlyList<ReadOnlyMemory<byte>> KeysOf(string id)
    {
        // Then it has no key, and gets the same answer as any other id without a key.
        if (!form.MayAskForKeys(id))
            return [];
        try
        {
            return options.Keys!.KeysOf(id);
        }
        catch (Exception exception)
        {
            throw new RefusedException(Refusal.ServerFailed, $"the search for its key threw {exception.GetType().Name}: {exception.Message}", told: "", exception);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<PeerOpening> Version2Async(string first)
    {
        if (!options.Protocol2)
            throw new RefusedException(Refusal.Version, "protocol 2 is switched off");
        var greeting = new ServerGreeting(options.Keys is null ? null : KeysOf, random, options.MaxIdBytes);
        string? challenge;
        try
        {
            challenge = greeting.First(first);
        }
        finally
        {
            Id = greeting.Opening?.Id ?? "";
        }

        if (challenge is not null)
        {
            await SayAsync(challenge).ConfigureAwait(false);
            IsChallenged = true;
            await HearProofAsync(greeting).ConfigureAwait(false);
        }

        ThrowIfFaulty(Proven);

        return greeting.Opening! with { KeyMark = greeting.KeyMark };
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask HearProofAsync(ServerGreeting greeting)
    {
        try
        {
            greeting.Second(await ReadLineAsync(Tokens.MaxBytes).ConfigureAwait(false));
            Proven = true;
        }
        catch (NotProvenException)
        {
            // No device could have proved it: the owner must learn why.
            ThrowIfFaulty(proven: false);
            throw;
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<string> ReadLineAsync(int maxBytes)
    {
        while (true)
        {
            var result = await connection.Input.ReadAsync().ConfigureAwait(false);
            var bytes = result.Buffer;
            IsSilent &= bytes.IsEmpty;
            speaksVersion2 |= Tokens.Begins(bytes);
            if (BeginsTls(bytes))
                throw new RefusedException(Refusal.Tls, "it speaks TLS, which is not spoken on this port");
            if (ProxyHeader.Begins(bytes))
                throw new RefusedException(Refusal.ProxyHeader, ProxyHeader.Untrusted);
            if (FirstLine.TryRead(ref bytes, speaksVersion2 ? Tokens.MaxBytes : maxBytes, out var line))
            {
                // The next reader reads the remaining bytes again.
                connection.Input.AdvanceTo(bytes.Start);
                return line;
            }

            connection.Input.AdvanceTo(result.Buffer.Start, result.Buffer.End);
            if (stopped.IsCancellationRequested)
                throw new RefusedException(Refusal.Stopping, "the server is stopping");
            if (turnedAway is { } why)
                throw why;
            if (late)
                throw new RefusedException(Refusal.OpeningTimeout, $"no {(IsChallenged ? "proof" : "id")} within {limit.TotalSeconds:0.###} s");
            if (result.IsCompleted && IsChallenged)
                throw new RefusedException(Refusal.NotProven, "it left before its proof came: the connection broke, or its key is another one, or it has none");
            if (result.IsCompleted)
                throw new RefusedException(Refusal.NoId, "it closed before it had said its id");
        }
    }

    /// <summary>
    /// Whether bytes begin a TLS handshake (RFC 8446, 5.1): no id begins so, since it has no control characters.
    /// </summary>
    private static bool BeginsTls(in ReadOnlySequence<byte> bytes) =>
        bytes.Length >= 2 && bytes.Slice(0, 2).ToArray() is [0x16, 0x03];

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask SayAsync(string line)
    {
        connection.Output.Write(Encoding.UTF8.GetBytes(line + "\n"));
        await connection.Output.FlushAsync().ConfigureAwait(false);
    }

    private static (RefusalCode Code, bool Passing) CodeOf(Refusal refusal, bool asksForKeys) => refusal switch
    {
        Refusal.Version => (RefusalCode.Version, false),
        Refusal.BadId => (RefusalCode.Malformed, false),
        Refusal.TooLong => (RefusalCode.TooLong, false),
        Refusal.NotProven or Refusal.Certificate => (RefusalCode.Auth, false),
        Refusal.IdForm when asksForKeys => (RefusalCode.Auth, false),
        Refusal.UnknownId or Refusal.IdForm => (RefusalCode.UnknownId, false),
        Refusal.IdLive or Refusal.OtherAddress => (RefusalCode.Busy, true),
        _ => (RefusalCode.Overloaded, true),
    };
}
