using NUnit.Framework;
using Rx.IotLink.Tests.Protocol.Driving;
using Rx.IotLink.Tests.Protocol2.Driving;

namespace Rx.IotLink.Tests.Protocol2;

/// <summary>Numbers that have no line, as a peer may say that wants to do harm.</summary>
public sealed class GivenUpTests
{
    private const string Opening = "IOTLINK/2 id=pump-1 conn=1 epoch=6f1d20c4a9b30e77 tx=1 window=64 max=4000";

    [Test]
    public void They_take_memory_for_a_window_and_no_more()
    {
        var end = new TestEnd(Side.Server, new EndOptions { AcceptsAtOnce = false, Window = 64 });
        end.Connect();
        end.Receive(Opening + "\n");
        end.Receive("+0001waits\n");
        for (var number = 2; number <= 1_000; number++)
            end.Receive($"#{number:x4}\n");
        end.TakeOutput();
        end.AcceptAll();

        Assert.That(end.TakeSaid(), Is.EqualTo(new[] { "=0040" }), "the window's last number: what was beyond it has not arrived");
        end.Receive("#0041\n+0042next\n");
        end.AcceptAll();
        Assert.That((end.Received, end.TakeSaid()[^1]), Is.EqualTo((new[] { "waits", "next" }, "=0042")));
    }

    [Test]
    public void They_are_bounded_by_nothing_but_the_peers_patience_where_no_line_waits()
    {
        var end = new TestEnd(Side.Server, new EndOptions { AcceptsAtOnce = false, Window = 64 });
        end.Connect();
        end.Receive(Opening + "\n");
        for (var number = 1; number <= 100_000; number++)
            end.Receive($"#{number & 0xffff:x4}\n");

        Assert.That(end.TakeSaid()[^1], Is.EqualTo("=86a0"));
    }
}
