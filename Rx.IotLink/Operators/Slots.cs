using System.Reactive.Disposables;

namespace Rx.IotLink;

/// <summary>A bounded number of places, taken and given back from any thread.</summary>
internal sealed class Slots
{
    private int taken;

    /// <summary>
    /// Takes a place if fewer than <paramref name="most"/> are taken; disposing it, once or more often, gives it back.
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
