using System.Globalization;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using System.Text;
using Rx.IotLink;

namespace Crash.Ends;

/// <summary>
/// What an application writes to one peer: numbered lines, and notes of them in files that outlive the process. A
/// number is noted before its line is written, and again when the line is stored. So no number is used twice, and after
/// any crash it is known which lines were reported as stored.
/// </summary>
internal sealed class Sent : IDisposable
{
    /// <summary>Lines that are written at a time.</summary>
    private const int Block = 20;

    /// <summary>Lines that wait for the peer, before no more are written until all of them are accepted.</summary>
    private const int MaxWaiting = 300;

    // What matters is how often they are killed: they do not take the processors from those that begin.
    private static readonly TimeSpan BetweenBlocks = TimeSpan.FromMilliseconds(20);

    private static readonly WriteOptions UntilStored = new() { Until = WrittenUntil.Stored };

    private readonly Lock gate = new();
    private readonly FileStream reserved;
    private readonly FileStream stored;
    private long last;

    private Sent(FileStream reserved, FileStream stored, long last) => (this.reserved, this.stored, this.last) = (reserved, stored, last);

    /// <summary>Opens the notes, or makes them.</summary>
    public static Sent Open(string path)
    {
        var numbers = new FileStream(path + ".reserved", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
        var reports = new FileStream(path + ".stored", FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);
        var text = new byte[20];
        var isNew = numbers.ReadAtLeast(text, text.Length, throwOnEndOfStream: false) == 0;
        return new(numbers, reports, isNew ? 0 : Parse(Encoding.ASCII.GetString(text)));
    }

    /// <summary>The numbers of the lines that were reported as stored.</summary>
    public static IEnumerable<long> Read(string path) => File.Exists(path + ".stored") ? File.ReadLines(path + ".stored").Select(Parse) : [];

    /// <summary>The number of a line.</summary>
    public static long NumberOf(string text) => Parse(text[..text.IndexOf(' ', StringComparison.Ordinal)]);

    /// <summary>Writes lines until the link or the process ends.</summary>
    public async Task WriteAsync(ILink link, CancellationToken cancellationToken)
    {
        try
        {
            while (!cancellationToken.IsCancellationRequested)
            {
                var first = Reserve();
                await Task.WhenAll(Enumerable.Range(0, Block).Select(i => WriteAsync(link, first + i)));
                await Observable.Timer(BetweenBlocks).ToTask(cancellationToken);
                if (link.Counters.Outbox > MaxWaiting)
                    await link.DrainAsync(cancellationToken);
            }
        }
        catch (Exception e) when (e is LinkClosedException or OperationCanceledException)
        {
            // This life is over.
        }
    }

    public void Dispose()
    {
        reserved.Dispose();
        stored.Dispose();
    }

    private async Task WriteAsync(ILink link, long number)
    {
        // Lengths differ, so that lines lie across all borders there are.
        await link.WriteAsync(string.Create(CultureInfo.InvariantCulture, $"{number} {new string('x', (int)(number * 37 % 120))}"), UntilStored, CancellationToken.None);
        lock (gate)
            stored.Write(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{number}\n")));
    }

    private long Reserve()
    {
        var first = last + 1;
        last += Block;
        reserved.Position = 0;
        reserved.Write(Encoding.ASCII.GetBytes(last.ToString("D20", CultureInfo.InvariantCulture)));
        return first;
    }

    private static long Parse(string number) => long.Parse(number, CultureInfo.InvariantCulture);
}
