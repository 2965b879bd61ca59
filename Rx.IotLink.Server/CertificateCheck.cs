using System.Reactive.Concurrency;
using System.Runtime.CompilerServices;
using System.Security.Cryptography.X509Certificates;
using Rx.IotLink.Protocol;
using Rx.IotLink.Time;

namespace Rx.IotLink.Server;

/// <summary>
/// Compares the id of a client with the certificate that it presented: a certificate must not be valid for other ids.
/// The application's own function may block and throw; then only that client is refused.
/// </summary>
/// <param name="options">The function, and its time limit.</param>
/// <param name="stopped">Ends the wait for it.</param>
internal sealed class CertificateCheck(IotLinkServerOptions options, CancellationToken stopped)
{
    private static readonly ObserverThreads Threads = new("Rx.IotLink certificates");

    private readonly ObserverLane lane = Threads.NewLane();
    private int calls;

    /// <summary>Completes if the client may use the id: it presented no certificate, or one for this id.</summary>
    /// <exception cref="RefusedException">It may not, or the check failed.</exception>
    /// <remarks>
    /// A pooled builder continues on the thread that completes it, so all stays on the thread of a virtual clock.
    /// </remarks>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask CheckAsync(X509Certificate2? certificate, string id)
    {
        if (certificate is null)
            return;
        var good = options.IsCertificateOf is { } isOf ? await AskAsync(isOf, certificate, id).ConfigureAwait(false) : CertificateNames.Has(certificate, id);
        if (!good)
            throw new RefusedException(Refusal.Certificate, $"its certificate '{Printable.Of(certificate.Subject)}' is not of this id", told: "");
    }

    private async Task<bool> AskAsync(Func<X509Certificate2, string, bool> isOf, X509Certificate2 certificate, string id)
    {
        if (!ReferenceEquals(options.Scheduler, DefaultScheduler.Instance))
            return Ask(isOf, certificate, id);
        // The server does not wait for calls that block. Their number is bounded: beyond it no more calls are made.
        if (Interlocked.Increment(ref calls) > options.MaxOpenings)
        {
            Interlocked.Decrement(ref calls);
            throw Failed($"is called {options.MaxOpenings} times already and has not returned");
        }

        var limit = options.OpeningLimit;
        var asked = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var deadline = options.Scheduler.Schedule(limit, () => asked.TrySetException(Failed($"did not return within {limit.TotalSeconds:0.###} s")));
        using var end = stopped.UnsafeRegister(static o => ((TaskCompletionSource<bool>)o!).TrySetException(new RefusedException(Refusal.Stopping, "the server is stopping")), asked);
        // A copy: the connection's own certificate ends with the connection, and the call may take longer.
        var copy = new X509Certificate2(certificate);
        lane.Run((Check: this, isOf, copy, id, asked), static s =>
        {
            using (s.copy)
                s.Check.Answer(s.isOf, s.copy, s.id, s.asked);
        });
        return await asked.Task.ConfigureAwait(false);
    }

    private void Answer(Func<X509Certificate2, string, bool> isOf, X509Certificate2 certificate, string id, TaskCompletionSource<bool> asked)
    {
        try
        {
            if (!asked.Task.IsCompleted)
                asked.TrySetResult(Ask(isOf, certificate, id));
        }
        catch (RefusedException exception)
        {
            asked.TrySetException(exception);
        }
        finally
        {
            Interlocked.Decrement(ref calls);
        }
    }

    private static bool Ask(Func<X509Certificate2, string, bool> isOf, X509Certificate2 certificate, string id)
    {
        try
        {
            return isOf(certificate, id);
        }
        catch (Exception exception)
        {
            throw Failed($"threw {exception.GetType().Name}: {exception.Message}", exception);
        }
    }

    private static RefusedException Failed(string how, Exception? cause = null) =>
        new(Refusal.ServerFailed, $"{nameof(IotLinkServerOptions.IsCertificateOf)} {how}", told: "", cause);
}
