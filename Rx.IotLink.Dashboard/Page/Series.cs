namespace Rx.IotLink.Dashboard;

/// <summary>The last samples of a figure. It is not safe for several threads.</summary>
/// <param name="length">How many are kept.</param>
internal sealed class Series(int length)
{
    private readonly float[] ring = new float[length];
    private int added;
    private int next;

    /// <summary>The newest sample; 0 if there is none.</summary>
    public float Last => added == 0 ? 0 : ring[(next + length - 1) % length];

    public void Add(double sample)
    {
        ring[next] = (float)sample;
        next = (next + 1) % length;
        added = Math.Min(added + 1, length);
    }

    /// <summary>The newest samples, the oldest of them first.</summary>
    public float[] Newest(int most = int.MaxValue)
    {
        var newest = new float[Math.Min(most, added)];
        for (var i = 0; i < newest.Length; i++)
            newest[i] = ring[(next + length - newest.Length + i) % length];
        return newest;
    }
}
