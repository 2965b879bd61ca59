# The API of iotlink.Client beside a device's hardware, which is played here; the server is a socket of this process.
# usage: python3 shell.py    One line for each test.
import sys

sys.path.insert(0, __file__.rsplit("/", 1)[0] + "/..")
import iotlink  # noqa: E402

asyncio = iotlink.asyncio
OK = b"IOTLINK/2 ok epoch=91aa03f00d5e2b18 tx=1 window=64 max=4000 timeout=1000\n"
TESTS = []


def test(function):
    TESTS.append(function)
    return function


class Server:
    # Answers each opening with what "answers" has next, its last one for ever, and keeps what it heard.
    def __init__(self, *answers):
        self.answers = list(answers)
        self.heard = []
        self.writers = []

    async def __aenter__(self):
        for port in range(18200, 18300):
            try:
                self.server = await asyncio.start_server(self.serve, "127.0.0.1", port)
            except OSError:
                continue
            self.port = port
            return self

    async def __aexit__(self, *_):
        self.server.close()
        for writer in self.writers:
            writer.close()

    async def serve(self, reader, writer):
        self.writers.append(writer)
        try:
            while True:
                line = await reader.readline()
                if not line:
                    break
                self.heard.append(line)
                if line[:8] == b"IOTLINK/":
                    answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                    if answer is None:
                        break
                    writer.write(answer)
                    await writer.drain()
                elif line[:1] == b"+":
                    writer.write(b"=" + line[1:5] + b"\n")
                    await writer.drain()
        except OSError:
            pass
        writer.close()
        if hasattr(writer, "wait_closed"):
            try:
                await writer.wait_closed()
            except OSError:
                pass

    async def until(self, line):
        while line not in self.heard:
            await asyncio.sleep(0.01)


async def soon(action):
    return await asyncio.wait_for(action, 20)


async def up(client):
    await client


@test
async def the_ancestors_api():
    states = []
    async with Server(OK + b"+0001one\n\n-two\n") as server:
        client = iotlink.Client(
            "a b", "127.0.0.1", server.port, "", "", 1000,
            lambda *state: states.append(state), (1, 2), False, None, False,
        )
        assert not client.status() and not client() and client.connects == 0
        await soon(up(client))
        assert client.status() and client() and client.connects == 1
        assert await soon(client.readline()) == "one\n"
        assert await soon(client.readline()) == "two\n"
        await soon(client.write("three\n"))
        await soon(client.write("four", qos=True, wait=False))
        await soon(client.write("five", qos=False))
        await soon(server.until(b"-five\n"))
        assert b"+0001three\n" in server.heard and b"+0002four\n" in server.heard and b"=0001\n" in server.heard
        assert server.heard[0].startswith(b"IOTLINK/2 id=a%20b conn=1 ")
        client.close()
        await soon(server.until(b"!bye\n"))
        assert states == [(True, 1, 2)], states


@test
async def a_cut_is_healed_and_told():
    states = []

    async def state(up):
        states.append(up)

    async with Server(OK) as server:
        client = iotlink.Client("a", "127.0.0.1", server.port, timeout=1000, conn_cb=state)
        await soon(up(client))
        server.writers[0].close()
        if hasattr(server.writers[0], "s"):
            server.writers[0].s.close()
        while client.connects < 2:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        assert states == [True, False, True], states
        client.close()


@test
async def a_device_that_sleeps_says_so_and_comes_back_at_once():
    states = []
    async with Server(OK) as server:
        client = iotlink.Client("a", "127.0.0.1", server.port, timeout=1000, conn_cb=states.append)
        await soon(up(client))
        for seconds in (0, 31622401):
            try:
                await client.sleep(seconds)
                raise AssertionError("nothing was raised")
            except ValueError as e:
                assert "31622400" in str(e)
        await soon(client.sleep(1))
        assert not client.status()
        await soon(server.until(b"!bye sleep=1\n"))
        began = iotlink.ticks_ms()
        task = asyncio.create_task(client.write("meanwhile"))
        await asyncio.sleep(0.5)
        assert client.connects == 1, "it sleeps"
        await soon(task)
        took = iotlink.ticks_diff(iotlink.ticks_ms(), began)
        assert client.connects == 2 and took >= 800, took
        await soon(client.sleep(31622400))
        await soon(server.until(b"!bye sleep=31622400\n"))
        client.wake()
        await soon(up(client))
        assert client.connects == 3 and states == [True, False, True, False, True], states
        client.close()


@test
async def a_device_sleeps_without_a_connection_too():
    client = iotlink.Client("a", "127.0.0.1", 9)
    await soon(client.sleep(1000))
    async with Server(OK) as server:
        client._port = server.port
        await asyncio.sleep(1.2)
        assert not server.heard, "it sleeps"
        client.wake()
        await soon(up(client))
        client.close()


@test
async def what_waits_is_raised_out_when_the_link_ends():
    class Strict(iotlink.Client):
        async def bad_server(self):
            raise OSError("No initial server connection.")

    client = Strict("a", "127.0.0.1", 9)
    for action in (client.readline(), client.write("a"), up(client)):
        try:
            await soon(action)
            raise AssertionError("nothing was raised")
        except OSError as e:
            assert "initial server" in str(e)
    client.close()


@test
async def what_the_application_gets_wrong_harms_nothing():
    def broken(*_):
        raise RuntimeError("the application's")

    async with Server(OK + b"\n+0001x\n") as server:
        client = iotlink.Client("a", "127.0.0.1", server.port, conn_cb=broken, led=broken)
        assert await soon(client.readline()) == "x\n"
        for line, part in (("x" * 1025, "1024"), ("a\nb", "LF")):
            try:
                await client.write(line)
                raise AssertionError("nothing was raised")
            except ValueError as e:
                assert part in str(e)
        assert client.connects == 1
        client.close()


@test
async def a_cancelled_write_leaves_nothing_behind():
    client = iotlink.Client("a", "127.0.0.1", 9)
    try:
        await asyncio.wait_for(client.write("x"), 0.1)
        raise AssertionError("it was accepted by nobody")
    except asyncio.TimeoutError:
        pass
    assert client.pending() == 0
    client.close()


@test
async def a_refusal_is_waited_out():
    async with Server(b"IOTLINK/2 no code=busy retry=900\n", OK) as server:
        client = iotlink.Client("a", "127.0.0.1", server.port)
        begun = iotlink.ticks_ms()
        while not client.why:
            await asyncio.sleep(0.01)
        assert client.why.startswith("refused: busy"), client.why
        await soon(up(client))
        waited = iotlink.ticks_diff(iotlink.ticks_ms(), begun)
        assert 850 < waited < 5000, waited
        client.close()


class Radio:
    # network.WLAN, whose network comes at the second try.
    def __init__(self):
        self.tries = 0

    def active(self, _):
        pass

    def isconnected(self):
        return self.tries > 1

    def connect(self, ssid, pw):
        assert (ssid, pw) == ("net", "secret")
        self.tries += 1

    def disconnect(self):
        pass


@test
async def wifi_led_and_watchdog():
    radio = Radio()

    class Network:
        AP_IF, STA_IF = 1, 0

        @staticmethod
        def WLAN(which):
            return radio

    class Timer:
        PERIODIC = 1
        last = None

        def __init__(self, number):
            Timer.last = self

        def init(self, period, mode, callback):
            self.callback = callback
            self.stopped = False

        def deinit(self):
            self.stopped = True

    class Machine:
        resets = 0

        @staticmethod
        def reset():
            Machine.resets += 1

    class Led:
        toggles = 0

        def toggle(self):
            Led.toggles += 1

    Machine.Timer = Timer
    sys.modules["machine"] = Machine
    iotlink.network = Network
    tries = []

    class Quick(iotlink.Client):
        async def bad_wifi(self):
            tries.append(1)

        async def _rest(self, ms):
            self._feed()
            await asyncio.sleep(0.001)

    async with Server(OK + b"\n") as server:
        client = Quick("a", "127.0.0.1", server.port, "net", "secret", led=Led(), wdog=True)
        await soon(up(client))
        await asyncio.sleep(0.1)
        assert radio.tries == 2 and tries == [1] and Led.toggles >= 1
        for _ in range(19):
            Timer.last.callback(None)
        assert Machine.resets == 0
        client._feed()
        for _ in range(20):
            Timer.last.callback(None)
        assert Machine.resets == 1
        client.close()
        assert Timer.last.stopped
    iotlink.network = None


async def main():
    failed = 0
    for function in TESTS:
        try:
            await asyncio.wait_for(function(), 60)
            print("ok", function.__name__)
        except Exception as e:
            failed += 1
            print("failed %s: %r" % (function.__name__, e))
            if hasattr(sys, "print_exception"):
                sys.print_exception(e)
            else:
                import traceback

                traceback.print_exc()
    return failed


sys.exit(1 if asyncio.run(main()) else 0)
