using System.Globalization;
using Rx.IotLink.Protocol;
using static Rx.IotLink.Tests.Protocol.Garbage.Cases;

namespace Rx.IotLink.Tests.Engine;

/// <summary>
/// Where there is a store, nothing is said before what it depends on is kept: an acknowledgement before
/// the line counts as accepted there, an opening before the number of its connection is, and before the lines that it
/// acknowledges are.
/// </summary>
internal sealed class SavedWatch(bool isKept)
{
    private readonly List<(SessionRecord Record, bool IsOfLine)> records = [];

    /// <summary>The place of the last record that is kept.</summary>
    public long UpTo { get; set; }

    /// <summary>Something is to be kept.</summary>
    /// <param name="record">What it is.</param>
    /// <param name="isOfLine">
    /// Whether lines have just been handled. If not, it repeats what the peer knows already, or is reported at once,
    /// since it has come back with an earlier memory (vectors 101 and 102).
    /// </param>
    public void Add(SessionRecord record, bool isOfLine) => records.Add((record, isOfLine));

    /// <summary>Checks a line that is said.</summary>
    public void CheckSaid(string line)
    {
        if (!isKept || line.Length == 0)
            return;
        switch (line[0])
        {
            case '=' when line.Length == 5 && Low(line) is { } low:
                CheckAccepted(low, line);
                break;
            case 'I':
                if (Received(line) is { } received)
                    CheckAccepted((ushort)received, line);
                var last = records.FindLastIndex(r => r.Record.Kind == SessionRecordKind.Connect) + 1;
                Require(last <= UpTo || !line.Contains(" conn=", StringComparison.Ordinal), () => $"'{line}' is said, and the number of the connection is not kept");
                break;
        }
    }

    private void CheckAccepted(ushort low, string said) => Require(
        IsAccepted(low) || !records.FindLast(r => r.Record.Kind == SessionRecordKind.Accept && (ushort)r.Record.Number == low).IsOfLine,
        () => $"'{said}' is said, and that the line was accepted is not kept");

    private bool IsAccepted(ushort low) =>
        records.Take((int)UpTo).Any(r => r.Record.Kind == SessionRecordKind.Accept && (ushort)r.Record.Number == low);

    /// <summary>The number of the last line that an opening acknowledges.</summary>
    private static ulong? Received(string opening) =>
        opening.Split(' ').FirstOrDefault(token => token.StartsWith("rx=", StringComparison.Ordinal)) is { } token ? ulong.Parse(token[3..], CultureInfo.InvariantCulture) : null;

    private static ushort? Low(string line) => ushort.TryParse(line.AsSpan(1, 4), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var low) ? low : null;
}
