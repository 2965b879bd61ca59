using System.Net;
using System.Reactive.Concurrency;
using System.Runtime.CompilerServices;
using Rx.IotLink.Protocol;
using Rx.IotLink.Time;

namespace Rx.IotLink.Server;

/// <summary>Memories that another server may have claimed meanwhile.</summary>
internal sealed partial class DeviceRegistry
{
    private Member? MemberOf(string id)
    {
        lock (gate)
            return members.GetValueOrDefault(id);
    }

    /// <summary>
    /// A device comes back that has a link here. If it was at another server meanwhile, the memory of that link is an
    /// old one: the device would take it for one that was lost. So it gets a new link, with a new claim.
    /// </summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<Member> AdmitAgainAsync(Member known, PeerOpening peer, bool proven, EndPoint? remote, CancellationToken stopped)
    {
        if (known.Link.Claim is { } claim && await IsFencedOutAsync(claim, stopped).ConfigureAwait(false))
        {
            known.Link.FenceOut();
            ForgetClaimed(known);
        }

        return await AdmitNowAsync(peer, proven, remote, stopped).ConfigureAwait(false);
    }

    /// <summary>Asks the store, for as long as an opening may take.</summary>
    /// <exception cref="RefusedException">It has failed, or not answered.</exception>
    private async ValueTask<bool> IsFencedOutAsync(SessionClaim claim, CancellationToken stopped)
    {
        var asked = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        var limit = options.OpeningLimit;
        if (ReferenceEquals(options.Scheduler, DefaultScheduler.Instance))
            ObserverThreads.Stores.Run((Registry: this, claim, asked), static s => _ = s.Registry.AskAsync(s.claim, s.asked));
        else
            _ = AskAsync(claim, asked);
        using var deadline = options.Scheduler.Schedule(
            limit, () => asked.TrySetException(StoreFailed($"the session store has not answered within {limit.TotalSeconds:0.###} s")));
        using var end = stopped.UnsafeRegister(
            static o => ((TaskCompletionSource<bool>)o!).TrySetException(new RefusedException(Refusal.Stopping, "the server is stopping")), asked);
        return await asked.Task.ConfigureAwait(false);
    }

    /// <summary>Never throws.</summary>
    private async Task AskAsync(SessionClaim claim, TaskCompletionSource<bool> asked)
    {
        try
        {
            asked.TrySetResult(await options.SessionStore!.IsFencedOutAsync(claim, CancellationToken.None).ConfigureAwait(false));
        }
        catch (Exception exception)
        {
            asked.TrySetException(StoreFailed($"the session store could not be read: {exception.GetType().Name}: {exception.Message}", exception));
        }
    }

    /// <summary>
    /// Another server owns it now. If the device comes back to this server, it claims the memory again.
    /// </summary>
    private void ForgetClaimed(Member member)
    {
        lock (gate)
        {
            if (member.IsClaimedElsewhere)
                return;
            member.IsClaimedElsewhere = true;
            if (member.Stranger is { } stranger)
                unknown.Remove(stranger);
        }

        Forget(member.Link, Forgetting.Elsewhere, "since another server has claimed it");
    }
}
