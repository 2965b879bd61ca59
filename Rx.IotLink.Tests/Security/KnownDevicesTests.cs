using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Protocol2.Driving;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Security;

/// <summary>A device that has proved itself, or is expected, is no stranger: no limit for those concerns it.</summary>
public sealed class KnownDevicesTests : ServerTest
{
    private static readonly byte[] Key = [.. Enumerable.Range(1, 32).Select(n => (byte)n)];

    [Test]
    public async Task Proven_devices_are_not_counted_as_unknown_ids()
    {
        var server = await StartServerAsync(ServerOptions with { KeyOf = Keyed, Protocol1 = true, MaxUnknownIds = 1 });
        await JoinAsync(server, "stranger");
        for (var n = 0; n < 5; n++)
            await ProveAsync(server, $"pump-{n}");

        var further = await ConnectAsync(server, "further");

        Assert.That(await further.HearToEndAsync(), Is.Empty, "the one place of a stranger is taken");
        Assert.That(server.Counters.Refused[Refusal.TooManyUnknownIds], Is.EqualTo(1));
        Assert.That(server.Counters.Links, Is.EqualTo(6));
    }

    [Test]
    public async Task A_proven_device_is_never_refused_or_warned_of_as_not_expected()
    {
        var server = await StartServerAsync(ServerOptions with { KeyOf = Keyed, Expected = ["other"], UnknownIds = UnknownIdPolicy.Refuse });

        await ProveAsync(server, "pump-1");

        await Log.Entries.FirstAsync(e => e.Id == 10);
        Assert.That(Log.Entries.Values.Where(e => e.Id == 11), Is.Empty);
        Assert.That(server.Counters.Refused.Values.Sum(), Is.Zero);
    }

    /// <summary>Its key was given to the server after it had come without one.</summary>
    [Test]
    public async Task One_that_proves_itself_later_gives_its_place_to_another_stranger()
    {
        var keyed = false;
        var server = await StartServerAsync(ServerOptions with { KeyOf = _ => keyed ? Key : null, Protocol1 = true, MaxUnknownIds = 1 });
        using (await JoinAsync(server, "pump-1"))
            keyed = true;
        await ProveAsync(server, "pump-1");
        keyed = false;

        await JoinAsync(server, "stranger");

        Assert.That(server.Counters.Links, Is.EqualTo(2));
    }

    [Test]
    public async Task Without_expected_devices_nobody_is_not_expected()
    {
        var server = await StartServerAsync();

        await JoinAsync(server, "1");

        await Log.Entries.FirstAsync(e => e.Id == 10);
        Assert.That(Log.Entries.Values.Where(e => e.Id == 11), Is.Empty);
    }

    private static ReadOnlyMemory<byte>? Keyed(string id) => id.StartsWith("pump", StringComparison.Ordinal) ? Key : null;

    private async Task ProveAsync(IotLinkServer server, string id)
    {
        var opening = ServerBench.Opening("00000000000000aa", id: id, more: $" auth=hmac-sha256 nonce={new string('0', 32)}");
        var peer = await ConnectAsync(server, opening);
        await peer.SayAsync(ServerBench.ProofFor(opening, (await peer.HearLineAsync())!, Key) + "\n");
        Assert.That(await peer.HearLineAsync(), Does.StartWith("IOTLINK/2 ok "));
    }
}
