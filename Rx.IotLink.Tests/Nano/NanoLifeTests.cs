using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using NUnit.Framework;
using Rx.IotLink.Nano;
using Rx.IotLink.Tests.Server.Tools;

namespace NanoTests;

/// <summary>
/// The client's threads, with connections in memory: reconnecting, giving up, escalating, and never leaking.
/// </summary>
[NonParallelizable]
public sealed class NanoLifeTests
{
    [Test]
    public void Ten_thousand_reconnections_leave_nothing_behind()
    {
        const int Times = 10_000;
        var threads = new HashSet<int>();
        var mostOpen = 0;
        FakeTransport transport = null!;
        transport = new FakeTransport((connection, said) =>
        {
            threads.Add(Environment.CurrentManagedThreadId);
            mostOpen = Math.Max(mostOpen, transport.Open);
            if (said.StartsWith("IOTLINK/2 id=", StringComparison.Ordinal))
            {
                connection.Say(FakeTransport.Ok);
                connection.Say(null);
            }

            return null;
        });
        var connecting = new HashSet<int>();
        using var client = Start(new NanoClientOptions { Transport = new Watched(transport, connecting), BackOffMs = 0, BackOffCapMs = 0 });
        Soon.Holds(() => client.Counters.Connections >= 100, "the first hundred");
        var (threadsBefore, memoryBefore) = (Process.GetCurrentProcess().Threads.Count, Heap.Bytes());
        Soon.Holds(() => client.Counters.Connections >= Times, "the rest");
        var (threadsAfter, memoryAfter) = (Process.GetCurrentProcess().Threads.Count, Heap.Bytes());
        client.Dispose();

        TestContext.Out.WriteLine($"{client.Counters.Connections} connections; open at most {mostOpen}, in the end {transport.Open}; threads {threadsBefore} -> {threadsAfter}; memory {memoryBefore} -> {memoryAfter}");
        Assert.Multiple(() =>
        {
            Assert.That(transport.Open, Is.Zero);
            Assert.That(mostOpen, Is.EqualTo(1));
            Assert.That(threads, Has.Count.EqualTo(1), "one thread sends");
            Assert.That(connecting, Has.Count.EqualTo(1), "one thread connects");
            Assert.That(threadsAfter, Is.LessThanOrEqualTo(threadsBefore + 4), "the pool of .NET may have grown by a few");
            Assert.That(memoryAfter - memoryBefore, Is.LessThan(200_000));
        });
    }

    [Test]
    public void A_server_that_opens_and_dies_at_once_is_tried_ever_more_rarely()
    {
        var transport = new FakeTransport((connection, said) =>
        {
            if (!said.StartsWith("IOTLINK/2 id=", StringComparison.Ordinal))
                return null;
            connection.Say(FakeTransport.Ok);
            connection.Say(null);
            return null;
        });
        var attempts = new Attempts(transport);
        using var client = Start(new NanoClientOptions { Transport = attempts, Random = new NoChance(), BackOffMs = 20, BackOffCapMs = 160 });
        Soon.Holds(() => attempts.Pauses.Length >= 6, "seven attempts");
        // A busy machine makes them longer; and a millisecond may have begun already.
        foreach (var (pause, least) in attempts.Pauses.Zip(new[] { 20, 40, 80, 160, 160, 160 }))
            Assert.That(pause.TotalMilliseconds, Is.GreaterThan(least - 2));
        Assert.That(client.Counters.Connections, Is.GreaterThanOrEqualTo(6));
    }

    [Test]
    public void A_link_that_was_up_for_a_timeout_is_healed_soon_again()
    {
        const int Lasting = 9;
        var keepalives = 0;
        FakeTransport transport = null!;
        transport = new FakeTransport((connection, said) =>
        {
            if (said.StartsWith("IOTLINK/2 id=", StringComparison.Ordinal))
            {
                connection.Say("IOTLINK/2 ok epoch=1 tx=1 window=64 max=1024 timeout=100\n");
                if (transport.Created != Lasting)
                    connection.Say(null);
                return null;
            }

            // It lives for two timeouts: a device says a keepalive each quarter.
            connection.Say(++keepalives < 9 ? "\n" : null);
            return null;
        });
        var attempts = new Attempts(transport);
        using var client = Start(new NanoClientOptions { Transport = attempts, Random = new NoChance(), BackOffMs = 2, BackOffCapMs = 86_400_000, TimeoutMs = 100 });
        Soon.Holds(() => attempts.Pauses.Length >= Lasting + 8, "if the pauses went on growing, these would take two minutes");
        Assert.That(keepalives, Is.GreaterThanOrEqualTo(9));
    }

    [Test]
    public void Real_sockets_do_not_leak()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var accepting = new Thread(() =>
        {
            try
            {
                while (true)
                    listener.AcceptSocket().Close();
            }
            catch (SocketException)
            {
                // The test is over.
            }
        });
        accepting.Start();
        using var client = Start(new NanoClientOptions { Host = "127.0.0.1", Port = ((IPEndPoint)listener.LocalEndpoint).Port, BackOffMs = 0, BackOffCapMs = 0 });
        Soon.Holds(() => client.Counters.Attempts >= 50, "the first fifty");
        var before = OpenHandles();
        Soon.Holds(() => client.Counters.Attempts >= 550, "five hundred more");
        var after = OpenHandles();
        client.Dispose();
        listener.Stop();
        accepting.Join();

        Assert.That(after, Is.LessThanOrEqualTo(before + 5));

        static int OpenHandles()
        {
            if (OperatingSystem.IsLinux())
                return Directory.GetFiles("/proc/self/fd").Length;
            using var self = System.Diagnostics.Process.GetCurrentProcess();
            return self.HandleCount;
        }
    }

    [Test]
    public void An_attempt_that_hangs_is_given_up()
    {
        var transport = new FakeTransport(FakeTransport.Admit) { Connecting = Hang };
        using var client = Start(new NanoClientOptions { Transport = transport, ConnectTimeoutMs = 30, BackOffMs = 1, BackOffCapMs = 1 });
        Soon.Holds(() => transport.Created >= 4, "a new socket follows");

        static void Hang(FakeConnection connection)
        {
            connection.ClosedEvent.Wait();
            throw new InvalidOperationException("closed");
        }
    }

    [Test]
    public void A_server_that_falls_silent_is_left()
    {
        var transport = new FakeTransport((_, said) => said.StartsWith("IOTLINK/2 id=", StringComparison.Ordinal) ? "IOTLINK/2 ok epoch=1 tx=1 window=64 max=1024 timeout=100\n" : null);
        using var client = Start(new NanoClientOptions { Transport = transport, BackOffMs = 1 });
        Soon.Holds(() => client.Counters.Outages >= 3, "an outage, and again");
    }

    [Test]
    public void A_server_that_never_answers_the_opening_is_left()
    {
        var transport = new FakeTransport((_, _) => null);
        using var client = Start(new NanoClientOptions { Transport = transport, BackOffMs = 1, BackOffCapMs = 1, TimeoutMs = 100 });
        Soon.Holds(() => transport.Created >= 3, "the next attempt follows");
        Assert.That(client.Counters.Connections, Is.Zero);
    }

    [Test]
    public void Escalation_goes_from_a_new_socket_to_the_Wifi_to_a_restart()
    {
        var transport = new FakeTransport(FakeTransport.Admit) { Connecting = _ => throw new InvalidOperationException("refused") };
        var (wifi, rebooter) = (new FakeWifi(), new FakeRebooter());
        using var client = Start(new NanoClientOptions { Transport = transport, BackOffMs = 1, BackOffCapMs = 10, Wifi = wifi, WifiSettleMs = 0, WifiPatienceMs = 50, Rebooter = rebooter, RebootPatienceMs = 300 });
        Soon.Holds(() => rebooter.Times >= 1, "the restart");
        Assert.Multiple(() =>
        {
            Assert.That(transport.Created, Is.GreaterThan(1));
            Assert.That(wifi.Downs, Is.GreaterThanOrEqualTo(1));
            Assert.That(client.Counters.WifiConnections, Is.GreaterThan(1));
        });
    }

    [Test]
    public void Each_step_of_the_escalation_can_be_switched_off()
    {
        var escalation = new Escalation(wifiPatienceMs: 0, rebootPatienceMs: 0, now: 0);
        Assert.That(escalation.TakeWifiReset(long.MaxValue / 2) || escalation.TakeReboot(long.MaxValue / 2), Is.False);
    }

    [Test]
    public void Patience_begins_anew_with_each_outage_and_each_step()
    {
        var escalation = new Escalation(wifiPatienceMs: 100, rebootPatienceMs: 1000, now: 0);
        Assert.That(escalation.TakeWifiReset(99), Is.False);
        Assert.That(escalation.TakeWifiReset(100), Is.True);
        Assert.That(escalation.TakeWifiReset(199), Is.False);
        Assert.That(escalation.TakeWifiReset(200), Is.True);
        escalation.Up();
        Assert.That(escalation.TakeReboot(5000), Is.False);
        escalation.Down(6000);
        escalation.Down(6500);
        Assert.That(escalation.TakeReboot(6999), Is.False);
        Assert.That(escalation.TakeReboot(7000), Is.True);
    }

    [Test]
    public void A_network_that_throws_is_endured()
    {
        var transport = new FakeTransport(FakeTransport.Admit);
        var wifi = new FakeWifi { Faults = 5 };
        using var client = Start(new NanoClientOptions { Transport = transport, BackOffMs = 1, BackOffCapMs = 2, Wifi = wifi });
        Assert.That(client.WaitUntilUp(40_000), Is.True);
        Assert.That(client.Counters.Errors, Is.GreaterThanOrEqualTo(5));
    }

    [Test]
    public void The_first_connection_may_be_the_last()
    {
        var transport = new FakeTransport(FakeTransport.Admit) { Connecting = _ => throw new InvalidOperationException("no route") };
        var told = new List<string>();
        using var client = Start(new NanoClientOptions { Transport = transport, FirstConnection = FirstConnection.Fail, OnStatus = (status, why) => told.Add($"{LinkNames.Of(status)}: {why}") });
        Soon.Holds(() => client.Status == LinkStatus.Refused && told.Count > 0, "refused for good");
        Assert.That(client.Write("x"), Is.EqualTo(WriteResult.Closed));
        client.Dispose();
        Assert.That(transport.Created, Is.EqualTo(1));
        Assert.That(told, Has.Some.Contain("no route"));
        Assert.That(client.Status, Is.EqualTo(LinkStatus.Closed));
    }

    [Test]
    public void The_lamp_blinks_with_the_servers_keepalives_and_the_watchdog_is_fed()
    {
        var transport = new FakeTransport(FakeTransport.Admit);
        var lamp = new FakeLed();
        var watchdog = new FakeWatchdog();
        using var client = Start(new NanoClientOptions { Transport = transport, Led = lamp, Watchdog = watchdog });
        Assert.That(client.WaitUntilUp(40_000), Is.True);
        for (var times = 1; times <= 5; times++)
        {
            transport.Last!.Say("\n");
            var least = times;
            Soon.Holds(() => lamp.Toggles >= least, "a blink");
        }

        client.Dispose();
        Assert.Multiple(() =>
        {
            Assert.That(client.Counters.Heartbeats, Is.EqualTo(5));
            Assert.That(watchdog.Feeds, Is.GreaterThan(5));
            Assert.That(watchdog.Stopped, Is.True);
            Assert.That(lamp.IsOff, Is.True);
        });
    }

    [Test]
    public void A_watchdog_that_is_not_fed_restarts_the_device()
    {
        var rebooter = new FakeRebooter();
        var watchdog = new SoftwareWatchdog(rebooter, 100);
        Soon.Holds(() => rebooter.Times >= 1, "the restart");
        watchdog.Stop();
    }

    [Test]
    public void A_Connect_that_never_returns_is_found_and_the_watchdog_restarts_the_device()
    {
        using var never = new ManualResetEventSlim();
        var transport = new FakeTransport(FakeTransport.Admit) { Connecting = _ => never.Wait() };
        var rebooter = new FakeRebooter();
        var notices = new List<string>();
        var watchdog = new SoftwareWatchdog(rebooter, 3000);
        var client = Start(new NanoClientOptions { Transport = transport, ConnectTimeoutMs = 100, HangMs = 1000, Watchdog = watchdog, OnNotice = notices.Add });
        Soon.Holds(() => rebooter.Times >= 1, "the restart");
        Assert.That(notices, Is.EqualTo(["a call of the network does not return: the link's thread hangs"]));
        never.Set();
        client.Dispose();
    }

    [Test]
    public void A_Connect_that_hangs_and_is_found_in_time_restarts_nothing()
    {
        using var never = new ManualResetEventSlim();
        var rebooter = new FakeRebooter();
        var watchdog = new SoftwareWatchdog(rebooter, 3000);
        // Closing it ends the call, as on the device.
        var transport = new FakeTransport(FakeTransport.Admit) { Connecting = connection => connection.ClosedEvent.Wait() };
        using var client = Start(new NanoClientOptions { Transport = transport, BackOffMs = 1, BackOffCapMs = 1, ConnectTimeoutMs = 50, HangMs = 1000, Watchdog = watchdog });
        Soon.Holds(() => transport.Created >= 60, "sixty attempts, more than three seconds of them");
        Assert.That(rebooter.Times, Is.Zero);
    }

    [Test]
    public void A_Wifi_that_comes_back_is_watched_for_twice_the_timeout_before_it_is_used()
    {
        var transport = new FakeTransport(FakeTransport.Admit);
        var wifi = new FakeWifi { GoesAgain = 2 };
        var began = Stopwatch.GetTimestamp();
        using var client = Start(new NanoClientOptions { Transport = transport, BackOffMs = 1, BackOffCapMs = 1, TimeoutMs = 400, Wifi = wifi });
        Assert.That(client.WaitUntilUp(40_000), Is.True);
        Assert.That(Stopwatch.GetElapsedTime(began), Is.GreaterThanOrEqualTo(TimeSpan.FromMilliseconds(800)));
        Assert.That((transport.Created, client.Counters.WifiConnections), Is.EqualTo((1, 3)), "no connection was tried while it came and went");
    }

    [Test]
    public void The_reason_of_a_socket_has_its_number()
    {
        var reasons = new List<string>();
        using var free = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        free.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        using var client = Start(new NanoClientOptions { Transport = new TcpTransport("127.0.0.1", ((IPEndPoint)free.LocalEndPoint!).Port), OnStatus = (_, why) => reasons.Add(why) });
        Soon.Holds(() => reasons.Count > 0, "a failed attempt");
        Assert.That(reasons[0], Does.Match("^socket error [0-9]+$"));
    }

    [Test]
    public void It_sleeps_for_as_long_as_it_said_and_tries_nothing()
    {
        var said = new List<string>();
        var transport = new FakeTransport((connection, text) =>
        {
            lock (said)
                said.Add(text);
            return FakeTransport.Admit(connection, text);
        });
        var wifi = new FakeWifi();
        using var client = Start(new NanoClientOptions { Transport = transport, BackOffMs = 60_000, BackOffCapMs = 60_000, Wifi = wifi, WifiSettleMs = 0 });
        Assert.That(client.WaitUntilUp(40_000), Is.True);

        Assert.That(client.GoToSleep(1), Is.True);
        var began = Stopwatch.GetTimestamp();
        lock (said)
            Assert.That(said[^1], Is.EqualTo("!bye sleep=1\n"));
        Soon.Holds(() => wifi.Downs == 1, "the radio is off");
        Assert.That((transport.Open, transport.Created, client.Counters.Outages), Is.EqualTo((0, 1, 0)));
        Assert.That(client.WaitUntilUp(40_000), Is.True);
        Assert.That(Stopwatch.GetElapsedTime(began), Is.InRange(TimeSpan.FromSeconds(0.9), TimeSpan.FromSeconds(30)), "at once, and not after a pause of a minute");

        Assert.That(client.GoToSleep(3600), Is.True);
        client.WakeUp();
        Assert.That(client.WaitUntilUp(40_000), Is.True);
        Assert.That((client.GoToSleep(0), client.GoToSleep(31_622_401)), Is.EqualTo((false, false)));
        client.Dispose();
        Assert.That(client.GoToSleep(1), Is.False);
    }

    private static IotLinkNanoClient Start(NanoClientOptions options)
    {
        options.Id = "pump-1";
        return IotLinkNanoClient.Start(options);
    }

    private sealed class Watched(FakeTransport transport, HashSet<int> threads) : INanoTransport
    {
        public INanoConnection Create()
        {
            threads.Add(Environment.CurrentManagedThreadId);
            return transport.Create();
        }
    }

    private sealed class FakeWifi : IWifi
    {
        private bool isConnected;

        public int Faults { get; set; }

        public int Downs { get; private set; }

        /// <summary>How often it goes again when it is asked for the first time after it came.</summary>
        public int GoesAgain { get; set; }

        public bool IsConnected
        {
            get
            {
                if (isConnected && GoesAgain > 0)
                {
                    GoesAgain--;
                    isConnected = false;
                }

                return isConnected;
            }
        }

        public bool Connect(int timeoutMs) => Faults-- > 0 ? throw new InvalidOperationException("the radio is off") : isConnected = true;

        public void Disconnect()
        {
            Downs++;
            isConnected = false;
        }
    }

    private sealed class FakeRebooter : IRebooter
    {
        private int times;

        public int Times => times;

        public void Reboot() => Interlocked.Increment(ref times);
    }

    private sealed class FakeLed : ILed
    {
        public int Toggles { get; private set; }

        public bool IsOff { get; private set; }

        public void Toggle()
        {
            Toggles++;
            IsOff = false;
        }

        public void Off() => IsOff = true;
    }

    private sealed class FakeWatchdog : IWatchdog
    {
        public int Feeds { get; private set; }

        public bool Stopped { get; private set; }

        public void Feed() => Feeds++;

        public void Stop() => Stopped = true;
    }

    /// <summary>When attempts were made.</summary>
    private sealed class Attempts(INanoTransport transport) : INanoTransport
    {
        private readonly List<long> times = [];

        public TimeSpan[] Pauses
        {
            get
            {
                lock (times)
                    return [.. times.Zip(times.Skip(1), Stopwatch.GetElapsedTime)];
            }
        }

        public INanoConnection Create()
        {
            lock (times)
                times.Add(Stopwatch.GetTimestamp());
            return transport.Create();
        }
    }

    private sealed class NoChance : IRandomSource
    {
        public void Fill(byte[] bytes) => Array.Clear(bytes);
    }
}
