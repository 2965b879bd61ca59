using System.Net;
using System.Net.Sockets;
using System.Reactive.Concurrency;
using NUnit.Framework;
using Rx.IotLink.Tests.Server.Tools;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Tests.Transport;

/// <summary>A name with several addresses is reached if one of them answers.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class ConnectRaceTests : ServerTest
{
    private static readonly IPAddress First = IPAddress.Parse("127.0.0.2");
    private static readonly IPAddress Second = IPAddress.Parse("127.0.0.3");
    private static readonly IPAddress Third = IPAddress.Parse("127.0.0.4");

    [Test]
    public async Task A_second_address_of_the_same_family_is_reached_when_the_first_does_not_answer()
    {
        var listening = Own(Listening(Second));
        var port = PortOf(listening);
        Own(await DeadEnd.AtAsync(First, port));

        using var socket = await RaceTo(port).ConnectAsync([First, Second], CancellationToken.None).Within();

        Assert.That(socket.RemoteEndPoint, Is.EqualTo(new IPEndPoint(Second, port)));
    }

    [Test]
    public async Task An_address_that_refuses_costs_no_time_and_the_one_that_does_not_answer_hides_no_further_one()
    {
        var listening = Own(Listening(Third));
        var port = PortOf(listening);
        Own(await DeadEnd.AtAsync(Second, port));

        using var socket = await RaceTo(port).ConnectAsync([First, Second, Third], CancellationToken.None).Within();

        Assert.That(socket.RemoteEndPoint, Is.EqualTo(new IPEndPoint(Third, port)));
    }

    [Test]
    public async Task A_client_reaches_a_name_whose_first_address_does_not_answer()
    {
        var server = await StartServerAsync(ServerOptions with { Bind = Second });
        var port = server.EndPoint.Port;
        Own(await DeadEnd.AtAsync(First, port));
        var asked = new List<string>();
        Task<IPAddress[]> LookUp(string host, CancellationToken cancellationToken)
        {
            asked.Add(host);
            return Task.FromResult<IPAddress[]>([First, Second]);
        }

        var options = ClientOptions(server.EndPoint);
        var client = StartClient(options with
        {
            Transport = new TcpTransport("several.test", port, tls: null, options.Scheduler, options.Timeout, TimeSpan.FromSeconds(5), LookUp),
        });

        await client.WaitUntilUpAsync().Within();
        Assert.That(asked, Is.EqualTo(["several.test"]), "the first attempt reached it");
    }

    [Test]
    public async Task Each_address_has_its_turn_within_the_limit()
    {
        var listening = Own(Listening(IPAddress.Parse("127.0.1.100")));
        var port = PortOf(listening);
        IPAddress[] dead = [.. Enumerable.Range(1, 40).Select(n => IPAddress.Parse($"127.0.1.{n}"))];
        foreach (var address in dead)
            Own(await DeadEnd.AtAsync(address, port));
        var clock = DefaultScheduler.Instance.StartStopwatch();
        var limit = TimeSpan.FromSeconds(2);

        using var socket = await RaceTo(port, limit).ConnectAsync([.. dead, IPAddress.Parse("127.0.1.100")], CancellationToken.None).Within();

        // Forty times the pause that is recommended would be ten seconds.
        Assert.That(clock.Elapsed, Is.LessThan(4 * limit));
    }

    [Test]
    public async Task If_none_answers_each_says_why()
    {
        var port = FreePort();

        var fault = (await Assert.ThrowsAsync<IOException>(() => RaceTo(port).ConnectAsync([First, Second], CancellationToken.None)))!;

        Assert.That(fault.Message, Is.EqualTo($"several.test:{port} cannot be reached: 127.0.0.2: Connection refused; 127.0.0.3: Connection refused"));
    }

    [Test]
    public void A_name_without_an_address_is_reported() =>
        Assert.That(() => RaceTo(1).ConnectAsync([], CancellationToken.None), Throws.InstanceOf<IOException>().With.Message.EqualTo("several.test:1 cannot be reached: the name has no address"));

    [Test]
    public async Task All_attempts_end_when_it_is_called_off()
    {
        var port = FreePort();
        Own(await DeadEnd.AtAsync(First, port));
        Own(await DeadEnd.AtAsync(Second, port));
        using var cancelled = new CancellationTokenSource();

        var connecting = RaceTo(port).ConnectAsync([First, Second], cancelled.Token);
        await cancelled.CancelAsync();

        Assert.That(async () => await connecting.Within(), Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public void Families_take_turns()
    {
        IPAddress[] sorted = [.. new[] { "::1", "::2", "::3", "127.0.0.1", "127.0.0.2" }.Select(IPAddress.Parse)];
        Assert.That(ConnectRace.InTurn(sorted).Select(a => a.ToString()), Is.EqualTo(["::1", "127.0.0.1", "::2", "127.0.0.2", "::3"]));
    }

    /// <summary>The code that makes a connection that is no longer needed ends it.</summary>
    [Test]
    public async Task An_attempt_that_is_abandoned_in_the_moment_of_its_success_leaks_no_socket()
    {
        var listening = Own(Listening(IPAddress.Loopback));
        var transport = new TcpTransport("127.0.0.1", PortOf(listening));
        var random = new Random(1);
        for (var round = 0; round < 500; round++)
        {
            var accepting = listening.AcceptAsync();
            using var handedOver = new HandedOver();
            var attempt = transport.Connect().Subscribe(handedOver);
            // Around the moment at which it is made.
            Thread.SpinWait(random.Next(20_000));
            attempt.Dispose();
            if (!accepting.IsCompleted)
            {
                // The attempt may have been given up before it began; then nothing comes.
                using var last = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                await last.ConnectAsync(listening.LocalEndPoint!).Within();
            }

            using var accepted = await accepting.Within();
            handedOver.Dispose();
            Assert.That(await EndsAsync(accepted).Within("the other end closes the connection"), Is.True);
        }
    }

    private static async Task<bool> EndsAsync(Socket accepted)
    {
        try
        {
            return await accepted.ReceiveAsync(new byte[1]) == 0;
        }
        catch (SocketException)
        {
            return true;
        }
    }

    private static ConnectRace RaceTo(int port, TimeSpan? limit = null) => new("several.test", port, DefaultScheduler.Instance, limit ?? Bound.Limit);

    private static Socket Listening(IPAddress address)
    {
        var listening = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        listening.Bind(new IPEndPoint(address, 0));
        listening.Listen();
        return listening;
    }

    private static int PortOf(Socket listening) => ((IPEndPoint)listening.LocalEndPoint!).Port;

    private static int FreePort()
    {
        using var listening = Listening(IPAddress.Loopback);
        return PortOf(listening);
    }

    /// <summary>Owns the connection that it is given, as an observer does.</summary>
    private sealed class HandedOver : IObserver<IConnection>, IDisposable
    {
        private IConnection? connection;
        private int disposed;

        public void OnNext(IConnection value)
        {
            connection = value;
            if (Volatile.Read(ref disposed) != 0)
                value.Dispose();
        }

        public void OnError(Exception error)
        {
        }

        public void OnCompleted()
        {
        }

        public void Dispose()
        {
            Volatile.Write(ref disposed, 1);
            connection?.Dispose();
        }
    }
}
