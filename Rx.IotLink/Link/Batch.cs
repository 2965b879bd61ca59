namespace Rx.IotLink;

/// <summary>The records that are written to a store together.</summary>
internal sealed class Batch
{
    /// <summary>The most records of one batch.</summary>
    public const int MaxRecords = 4_096;

    /// <summary>The most characters of text in one batch, without its last record.</summary>
    public const int MaxText = 1_048_576;

    private readonly List<SessionWrite> records = [];
    private int text;

    public IReadOnlyList<SessionWrite> Records => records;

    public bool HasRoom => records.Count < MaxRecords && text < MaxText;

    public void Add(in SessionWrite write)
    {
        records.Add(write);
        text += write.Record.Text?.Length ?? 0;
    }

    public void Clear()
    {
        records.Clear();
        text = 0;
    }
}
