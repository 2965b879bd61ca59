namespace Rx.IotLink.Telemetry;

/// <summary>The counts of servers, as sums.</summary>
internal sealed class ConnectionTotals
{
    /// <summary>Connections that were refused, by the reason; the reasons are the server's.</summary>
    public long[] Refused { get; set; } = [];

    public long Accepted { get; set; }

    public long Silent { get; set; }

    public long CallbackFailures { get; set; }

    public long LinksSlowed { get; set; }

    public long UnknownIdsForgotten { get; set; }

    public long Opening { get; set; }

    public long Served { get; set; }

    public long BufferedBytes { get; set; }

    /// <summary>Adds what only grows.</summary>
    public void AddCounts(ConnectionTotals of)
    {
        var refused = Refused;
        Array.Resize(ref refused, Math.Max(refused.Length, of.Refused.Length));
        Refused = refused;
        for (var i = 0; i < of.Refused.Length; i++)
            refused[i] += of.Refused[i];
        Accepted += of.Accepted;
        Silent += of.Silent;
        CallbackFailures += of.CallbackFailures;
        LinksSlowed += of.LinksSlowed;
        UnknownIdsForgotten += of.UnknownIdsForgotten;
    }

    /// <summary>Adds what is there now.</summary>
    public void AddPresent(ConnectionTotals of)
    {
        Opening += of.Opening;
        Served += of.Served;
        BufferedBytes += of.BufferedBytes;
    }
}
