using System.Text;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version1;

namespace Rx.IotLink.Tests.Protocol.Driving;

/// <summary>Where an end is when bytes come.</summary>
public enum Stage
{
    /// <summary>A server that waits for the id.</summary>
    Id,

    /// <summary>The connection has just been made.</summary>
    Greeting,

    /// <summary>A server that waits a moment more.</summary>
    Settling,

    /// <summary>Messages flow, and nothing has come yet.</summary>
    Open,

    /// <summary>A later connection, after lines both ways on an earlier one.</summary>
    Reopened,
}

/// <summary>What an end makes of bytes, in whatever pieces they come.</summary>
internal sealed class Reading
{
    private readonly ProtocolDriver end;
    private readonly List<string> log = [];
    private byte[]? beforeId;

    private Reading(Side side, Stage stage, int writes, Delivery delivery, Ordering ordering)
    {
        end = new ProtocolDriver(side);
        if (stage == Stage.Reopened)
            LiveBefore();
        foreach (var text in Enumerable.Range(0, writes))
            end.Write($"w{text}", delivery, ordering);
        switch (stage)
        {
            case Stage.Id:
                beforeId = [];
                break;
            case Stage.Greeting:
                end.Connect();
                break;
            case Stage.Settling:
                end.Connect();
                end.Receive("\n");
                break;
            default:
                end.ConnectAndOpen();
                break;
        }
    }

    /// <summary>The stages an end can be in.</summary>
    public static IEnumerable<Stage> Stages(Side side) => side == Side.Server ? Enum.GetValues<Stage>() : [Stage.Greeting, Stage.Open, Stage.Reopened];

    /// <summary>
    /// Everything an end that has lines to write sends and reports when it is given these pieces one after the other,
    /// and when its application has then accepted all of it and T has passed.
    /// </summary>
    public static List<string> Of(
        Side side, Stage stage, IEnumerable<byte[]> pieces, int writes = 40, Delivery delivery = Delivery.ExactlyOnce, Ordering ordering = Ordering.Concurrent)
    {
        var reading = new Reading(side, stage, writes, delivery, ordering);
        try
        {
            // A connection gives no empty pieces.
            foreach (var piece in pieces.Where(p => p.Length > 0))
                reading.Take(piece);
            reading.Note();
            reading.end.AcceptAll();
            reading.end.Advance(ProtocolDriver.T);
        }
        catch (ProtocolException refusal)
        {
            reading.Note();
            reading.log.Add("refused: " + refusal.Message);
        }

        reading.Note();
        return reading.log;
    }

    private void LiveBefore()
    {
        end.Write("first");
        end.ConnectAndOpen();
        end.Receive("00\n00a\n01b\n02c\n03d\n");
        end.Accept();
        end.Accept();
        end.Disconnect();
        end.AcceptAll();
    }

    private void Take(byte[] piece)
    {
        if (beforeId is null)
        {
            end.Receive(piece);
            return;
        }

        var bytes = Pieces.Of(beforeId, piece);
        if (!FirstLine.TryRead(ref bytes, LinkId.MaxBytes, out var first))
        {
            beforeId = [.. beforeId, .. piece];
            return;
        }

        log.Add("id " + IdOpening.Read(first, LinkId.MaxBytes).Id);
        beforeId = null;
        end.Connect();
        if (!bytes.IsEmpty)
            end.Receive(System.Buffers.BuffersExtensions.ToArray(bytes));
    }

    private void Note() => log.AddRange(end.Take());
}

/// <summary>Ways to cut bytes.</summary>
internal static class Cutting
{
    public static byte[][] Whole(this byte[] bytes) => [bytes];

    public static byte[][] At(this byte[] bytes, int place) => [bytes[..place], bytes[place..]];

    public static IEnumerable<byte[]> Singly(this byte[] bytes) => bytes.Select(b => new[] { b });

    public static byte[] Bytes(this string text) => Encoding.UTF8.GetBytes(text);
}
