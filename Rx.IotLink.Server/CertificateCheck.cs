using System.Reactive.Concurrency;
using System.Runtime.CompilerServices;
using System.Security.Cryptography.X509Certificates;
using Rx.IotLink.Protocol;
using Rx.IotLink.Time;

namespace Rx.IotLink.Server;

/// <summary>
/// Holds what a client says it is against the certificate that it presented: whoever has one must not speak for
/// others. The application's own scheme may block and throw, which keeps out that client alone.
/// </summary>
/// <param name="options">The scheme, and how long it may take.</param>
/// <param name="stopped">Ends the waiting for it.</param>
internal sealed class CertificateCheck(IotLinkServerOptions options, CancellationToken stopped)
{
    private static readonly ObserverThreads Threads = new("Rx.IotLink certificates");

    private readonly ObserverLane lane = Threads.NewLane();
    private int calls;

    /// <summary>Completes if the client may speak for the id: it presented no certificate, or one of this id.</summary>
    /// <exception cref="RefusedException">It may not, or that could not be found out.</exception>
    /// <remarks>The pooled builder continues on the thread that completes it: a virtual clock's thread is not
    /// left.</remarks>
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
        // Those that block are not waited for; so that they do not gather without end, no more of them are made.
        if (Interlocked.Increment(ref calls) > options.MaxOpenings)
        {
            Interlocked.Decrement(ref calls);
            throw Failed($"is called {options.MaxOpenings} times already and has not returned");
        }

        var limit = options.OpeningTimeout ?? options.Timeout;
        var asked = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var deadline = options.Scheduler.Schedule(limit, () => asked.TrySetException(Failed($"did not return within {limit.TotalSeconds:0.###} s")));
        using var end = stopped.UnsafeRegister(static o => ((TaskCompletionSource<bool>)o!).TrySetException(new RefusedException(Refusal.Stopping, "the server is stopping")), asked);
        // A copy: the connection's own is gone with it, which the scheme may outlive.
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
