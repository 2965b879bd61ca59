using System.Reactive;
using System.Reactive.Linq;
using System.Reactive.Subjects;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Stores;
using Rx.IotLink.Tests.Protocol2.Driving;
using Rx.IotLink.Tests.Server.Tools;
using Refusal = Rx.IotLink.Server.Refusal;

namespace Rx.IotLink.Tests.Security;

/// <summary>Keys that are replaced and revoked while the server runs.</summary>
[TestFixture]
internal sealed class KeyChangeTests
{
    private const string Auth = " auth=hmac-sha256 nonce=";

    private static readonly byte[] Old = Convert.FromHexString(DeviceKeys.NewKey());
    private static readonly byte[] Next = Convert.FromHexString(DeviceKeys.NewKey());

    [Test]
    public void While_a_key_is_replaced_the_clients_nonce_chooses([Values(0, 1)] int bit)
    {
        using var bench = new ServerBench(o => o with { Keys = new Keys { ["pump-1"] = [Old, Next] } });
        var opening = ServerBench.Opening("1", more: $"{Auth}{new string('0', 31)}{bit}");
        Assert.That(bench.Prove(opening, bit == 0 ? Old : Next).Take()[0], Does.StartWith("IOTLINK/2 ok "));
        Assert.That(bench.Prove(opening, bit == 0 ? Next : Old).Take(), Is.EqualTo(["IOTLINK/2 no code=auth\n"]));
    }

    [Test]
    public async Task A_device_is_up_with_either_key_after_two_attempts_at_most([Values] bool old, [Values(1, 2, 3, 4, 5, 6)] int seed)
    {
        await using var server = await Ends.ServeAsync(o => o with { Keys = new Keys { ["pump-1"] = [Old, Next] } });
        await using var client = Ends.Connect(server.EndPoint.Port, o => o with { Key = old ? Old : Next, Seed = seed });
        await client.UpAsync();
        Assert.That(server.Counters.Refused[Refusal.NotProven], Is.LessThan(2));
        Assert.That(await Ends.WorksAsync(server, client), Is.True);
    }

    [Test]
    public void Of_three_keys_the_first_two_count_and_short_ones_not_at_all()
    {
        using var bench = new ServerBench(o => o with { Keys = new Keys { ["pump-1"] = [new byte[15], Old, default, Next, new byte[16]] } });
        var opening = ServerBench.Opening("1", more: $"{Auth}{new string('0', 31)}1");
        Assert.That(bench.Prove(opening, Next).Take()[0], Does.StartWith("IOTLINK/2 ok "));
        Assert.That(bench.Prove(opening, new byte[15]).Take(), Is.EqualTo(["IOTLINK/2 no code=auth\n"]));
    }

    [TestCase("pump-1")]
    [TestCase(null)]
    public async Task A_revoked_key_ends_the_link_at_once_and_no_other(string? told)
    {
        var keys = new Keys { ["pump-1"] = [Old], ["pump-2"] = [Old] };
        await using var server = await Ends.ServeAsync(o => o with { Keys = keys });
        await using var revoked = Ends.Connect(server.EndPoint.Port, o => o with { Key = Old });
        await using var other = Ends.Connect(server.EndPoint.Port, o => o with { Key = Old }, "pump-2");
        await Task.WhenAll(revoked.UpAsync(), other.UpAsync());
        var ended = revoked.StateAsync(s => s.Outage is not null);
        var unproven = revoked.NoticeAsync(LinkNoticeKind.PeerNotProven);
        var seen = (await server.LinkAsync()).StateAsync(s => s.Outage is not null);

        keys.Remove("pump-1");
        keys.Changes.OnNext(told);

        Assert.That((await seen).Outage!.Reason, Is.EqualTo(OutageReason.KeyRevoked));
        Assert.That((await ended).Outage!.Reason, Is.EqualTo(OutageReason.PeerLeft));
        Assert.That((await ended).Outage!.Detail, Does.Contain("key revoked"));
        await unproven;
        Assert.That(other.Counters.Outages, Is.Zero);
        Assert.That(await Ends.WorksAsync(server, other), Is.True);

        // What was written meanwhile is not lost: a device that is known again resumes.
        var written = revoked.WriteAsync("kept");
        keys["pump-1"] = [Old];
        Assert.That(await (await server.LinkAsync()).ReadLineAsync().WaitAsync(Ends.Bound), Is.EqualTo("kept"));
        await written.WaitAsync(Ends.Bound);
    }

    [Test]
    public async Task A_key_that_is_replaced_leaves_the_link_alone_until_the_old_one_is_gone()
    {
        var keys = new Keys { ["pump-1"] = [Old] };
        await using var server = await Ends.ServeAsync(o => o with { Keys = keys });
        await using var client = Ends.Connect(server.EndPoint.Port, o => o with { Key = Old });
        await client.UpAsync();

        keys["pump-1"] = [Old, Next];
        keys.Changes.OnNext("pump-1");
        Assert.That(await Ends.WorksAsync(server, client), Is.True);
        Assert.That(client.Counters.Outages, Is.Zero);

        var ended = client.StateAsync(s => s.Outage is not null);
        keys["pump-1"] = [Next];
        keys.Changes.OnNext("pump-1");
        await ended;
    }

    [Test]
    public async Task A_key_that_is_revoked_between_proof_and_service_is_revoked()
    {
        var keys = new Keys { ["pump-1"] = [Old], ["pump-2"] = [Old] };
        using var looked = new ManualResetEventSlim();
        var claims = 0;
        await using var server = await Ends.ServeAsync(o => o with
        {
            Keys = keys,
            SessionStore = new BreakableStore
            {
                Before = call =>
                {
                    // The second claim is that of pump-1, which has proved itself by now, and is not served yet: when
                    // the links are looked at for revoked keys, it is not there.
                    if (call != BreakableStore.Claim || Interlocked.Increment(ref claims) != 2)
                        return;
                    keys.Remove("pump-1");
                    keys.Asked = asked =>
                    {
                        if (asked == "pump-2")
                            looked.Set();
                    };
                    keys.Changes.OnNext(null);
                    Assert.That(looked.Wait(Ends.Bound), Is.True);
                },
            },
        });
        await using var other = Ends.Connect(server.EndPoint.Port, o => o with { Key = Old }, "pump-2");
        await other.UpAsync();
        var refused = server.RefusalAsync();
        await using var revoked = Ends.Connect(server.EndPoint.Port, o => o with { Key = Old });
        var link = await server.LinkAsync();
        var outage = link.StateAsync(s => s.Outage is not null);
        // It may end before its epoch is kept, so before it is up: that is no outage of the link.
        if (await Task.WhenAny(outage, refused) == outage)
            Assert.That((await outage).Outage!.Reason, Is.EqualTo(OutageReason.KeyRevoked));
        Assert.That((await refused).Id, Is.EqualTo("pump-1"));
        Assert.That(link.Counters.LinesReceived, Is.Zero);
        Assert.That(other.Counters.Outages, Is.Zero);
    }

    [Test]
    public void A_key_that_is_revoked_between_challenge_and_proof_is_revoked()
    {
        var keys = new Keys { ["pump-1"] = [Old] };
        using var bench = new ServerBench(o => o with { Keys = keys });
        var opening = ServerBench.Opening("1", more: $"{Auth}{new string('0', 32)}");
        var peer = bench.Connect(opening);
        var challenge = peer.Take()[0];
        keys.Remove("pump-1");
        keys.Changes.OnNext("pump-1");
        bench.Run(TimeSpan.FromMilliseconds(1));
        peer.Say(ServerBench.ProofFor(opening, challenge, Old) + "\n");
        bench.Run(TimeSpan.FromMilliseconds(1));
        Assert.That(bench.Server.Find("pump-1"), Is.Null.Or.With.Property(nameof(Link.Serving)).Null);
        Assert.That(peer.Take()[^1], Does.EndWith("!bye key revoked\n").Or.EqualTo("IOTLINK/2 no code=auth\n"));
    }

    [Test]
    public void An_id_that_is_given_a_key_in_its_opening_is_served_over_protocol_1_no_more()
    {
        var keys = new Keys();
        using var bench = new ServerBench(o => o with
        {
            Keys = keys,
            Protocol1 = true,
            SessionStore = new BreakableStore
            {
                BeforeClaim = id =>
                {
                    keys[id] = [Old];
                    keys.Changes.OnNext(id);
                },
            },
        });
        bench.Connect("pump-1");
        bench.Run(TimeSpan.FromMilliseconds(1));
        Assert.That(bench.Server.Find("pump-1"), Is.InstanceOf<Link>().With.Property(nameof(Link.Serving)).Null);
    }

    [Test]
    public void Keys_that_fail_for_many_devices_are_a_handful_of_entries()
    {
        var log = new TestLog();
        var keys = new Keys();
        using var bench = new ServerBench(o => o with { Keys = keys, LoggerFactory = log });
        for (var device = 0; device < 200; device++)
        {
            keys[$"pump-{device}"] = [Old];
            bench.Prove(ServerBench.Opening("1", id: $"pump-{device}", more: $"{Auth}{new string('0', 32)}"), Old);
        }

        keys.Fault = new InvalidOperationException("the vault is closed");
        keys.Changes.OnNext(null);
        bench.Run(TimeSpan.FromMilliseconds(1));
        Assert.That(bench.Server.Counters.Connections, Is.EqualTo(200));
        bench.Run(TimeSpan.FromSeconds(6));
        var told = log.Entries.Values.Where(e => e.Id is 7 or 8).ToList();
        Assert.That(told, Has.Count.LessThan(10));
        Assert.That(told[0].Text, Is.EqualTo("The keys failed, KeysOf of 'pump-0': its link stays up, even if its key is revoked; report the change again"));
        Assert.That(told[0].Error!.Message, Is.EqualTo("the vault is closed"));
        Assert.That(told[^1].Text, Does.Match("^[0-9]+ more within 5 s: the keys failed, KeysOf$"));
    }

    [Test]
    public void An_id_that_is_given_a_key_is_served_over_protocol_1_no_more()
    {
        var keys = new Keys();
        using var bench = new ServerBench(o => o with { Keys = keys, Protocol1 = true });
        var peer = bench.Connect("pump-1");
        Assert.That(bench.Server.Find("pump-1"), Is.InstanceOf<Link>().With.Property(nameof(Link.Serving)).Not.Null);
        keys.Changes.OnNext(null);
        bench.Run(TimeSpan.FromMilliseconds(1));
        Assert.That(bench.Server.Find("pump-1"), Is.InstanceOf<Link>().With.Property(nameof(Link.Serving)).Not.Null);
        keys["pump-1"] = [Old];
        keys.Changes.OnNext(null);
        bench.Run(TimeSpan.FromMilliseconds(1));
        Assert.That(bench.Server.Find("pump-1"), Is.InstanceOf<Link>().With.Property(nameof(Link.Serving)).Null);
    }

    [Test]
    public async Task Keys_that_fail_and_block_harm_no_link_that_is_up()
    {
        var log = new TestLog();
        var keys = new Keys { ["pump-1"] = [Old] };
        await using var server = await Ends.ServeAsync(o => o with { Keys = keys, LoggerFactory = log });
        await using var client = Ends.Connect(server.EndPoint.Port, o => o with { Key = Old });
        await client.UpAsync();
        keys.Fault = new InvalidOperationException("Password=hunter2");
        keys.Changes.OnNext(null);
        await log.Entries.UntilAsync(all => all.Any(e => e.Id == 7));
        keys.Changes.OnError(new InvalidOperationException("the vault is closed"));
        await log.Entries.UntilAsync(all => all.Count(e => e.Id == 7) == 2);
        Assert.That(log.Entries.Values.Last(e => e.Id == 7).Text, Is.EqualTo("The keys failed, Changed ended with an error: a key that is revoked from now on ends no link until the server is started again"));
        Assert.That(await Ends.WorksAsync(server, client), Is.True);
        Assert.That(client.Counters.Outages, Is.Zero);
    }

    [Test]
    public async Task A_stopped_server_listens_to_its_keys_no_more()
    {
        var keys = new Keys { ["pump-1"] = [Old] };
        await using (await Ends.ServeAsync(o => o with { Keys = keys }))
            Assert.That(keys.Changes.HasObservers, Is.True);
        Assert.That(keys.Changes.HasObservers, Is.False);

        await using var taken = await Ends.ServeAsync();
        Assert.That(async () => await Ends.ServeAsync(o => o with { Keys = keys, Port = taken.EndPoint.Port }), Throws.InstanceOf<IOException>());
        Assert.That(keys.Changes.HasObservers, Is.False);
    }

    /// <summary>Keys in memory, which a test changes.</summary>
    private sealed class Keys : System.Collections.Concurrent.ConcurrentDictionary<string, ReadOnlyMemory<byte>[]>, IDeviceKeys
    {
        public Subject<string?> Changes { get; } = new();

        public IObservable<string?> Changed => Changes;

        public Exception? Fault { get; set; }

        public Action<string> Asked { get; set; } = _ => { };

        public IReadOnlyList<ReadOnlyMemory<byte>> KeysOf(string id)
        {
            Asked(id);
            return Fault is not null ? throw Fault : TryGetValue(id, out var keys) ? keys : [];
        }

        public void Remove(string id) => TryRemove(id, out _);
    }
}
