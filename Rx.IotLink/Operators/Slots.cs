using System.Reactive.Disposables;

namespace Rx.IotLink;

/// <summary>A bounded number of slots, taken and released from any thread.</summary>
internal sealed class Slots
{
    private int taken;

    /// <summary>
    /// Takes a slot if fewer than <paramref name="most"/> are taken. Disposing it, once or more often, releases it.
    /// </summary>
    public bool TryTake(int most, out IDisposable place)
    {
        if (Interlocked.Increment(ref taken) > most)
        {
            Interlocked.Decrement(ref taken);
            place = Disposable.Empty;
            return false;
        }

        place = Disposable.Create(() => Interlocked.Decrement(ref taken));
        return true;
    }
}
