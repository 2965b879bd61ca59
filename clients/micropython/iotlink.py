# A device's end of IotLink, protocol 2: one file for MicroPython and CPython.
# docs/micropython.md says how to use it, docs/protocol.md why it does what it does.
# "Session" is the protocol: bytes in, bytes out, the time is given. "Client" connects it to asyncio and sockets.
import gc
import os
from binascii import hexlify, unhexlify
from hashlib import sha256

try:
    import asyncio
except ImportError:  # MicroPython before 1.21
    import uasyncio as asyncio
try:
    from micropython import const
except ImportError:

    def const(value):
        return value


try:
    from time import ticks_diff, ticks_ms
except ImportError:
    from time import monotonic

    def ticks_ms():
        return int(monotonic() * 1000)

    def ticks_diff(end, start):
        return end - start


try:
    import network
except ImportError:  # The system brings its network up by itself.
    network = None

# Phases. Names that begin with "_" cost no memory on the device.
_DOWN = const(0)
_GREETING = const(1)
_PROVING = const(2)
_OPEN = const(3)
_OVER = const(4)

_DAY = const(86400000)
_PATIENCE = const(300000)  # how long a server may send this end away
_OPENING = const(2048)  # bytes of a line of the opening
_FAREWELL = const(64)
_CHUNK = const(512)  # bytes that are sent together, and the room for what is received
_DIGITS = "0123456789"
_HEX = "0123456789abcdefABCDEF"


def _text(data):
    # Strict UTF-8. MicroPython lets surrogates and long forms pass.
    text = str(data, "utf-8")
    if len(text) != len(data):
        size = 0
        for char in text:
            code = ord(char)
            if 0xD7FF < code < 0xE000 or code > 0x10FFFF:
                raise ValueError("not UTF-8")
            size += 1 if code < 0x80 else 2 if code < 0x800 else 3 if code < 0x10000 else 4
        if size != len(data):
            raise ValueError("not UTF-8")
    return text


def _quote(data):
    return "".join(
        chr(c) if 48 <= c < 58 or 65 <= c < 91 or 97 <= c < 123 or c in b"-._~" else "%%%02X" % c for c in data
    )


def _unquote(text):
    parts = text.split("%")
    data = parts[0].encode()
    for part in parts[1:]:
        data += bytes((int(_only(part[:2], _HEX, 2), 16),)) + part[2:].encode()
    return _text(data)


def _only(value, digits, length=0):
    # The value, which has only these digits, and so many (0: some).
    if not value or value.strip(digits) or (length and len(value) != length):
        raise ValueError("bad value")
    return value


def _number(tokens, key, low, high):
    value = int(_only(tokens.get(key), _DIGITS))
    if not low <= value <= high:
        raise ValueError(key + " is out of its limits")
    return value


def _epoch(value):
    if len(_only(value, _HEX)) > 16:
        raise ValueError("bad epoch")
    return "0" * (16 - len(value)) + value.lower()


def _shown(text):
    # What comes from outside is not printed as it is.
    return "".join([c if " " <= c < "\x7f" else "?" for c in text])


def _hmac(key, text):
    key = (sha256(key).digest() if len(key) > 64 else key) + bytes(64)
    outer = sha256(bytes(b ^ 0x5C for b in key[:64]))
    inner = sha256(bytes(b ^ 0x36 for b in key[:64]))
    inner.update(text)
    outer.update(inner.digest())
    return outer.digest()


class Session:
    # tell(what, detail) hears of: opened, line, heartbeat, finished, impossible, notice. It must not raise.
    def __init__(
        self, my_id, tell, timeout=2000, key=None, window=8, max_line=1024, outbox=16, room=4096, memory=None,
        max_timeout=300000, random=os.urandom,
    ):
        name = str(my_id)
        size = len(name.encode())
        if not 0 < size <= 128 or [c for c in name if c < " " or "\x7f" <= c <= "\x9f"]:
            raise ValueError("my_id has 1 to 128 bytes and no control characters")
        if isinstance(key, str):
            key = unhexlify(key)
        if key is not None and len(key) < 16:
            raise ValueError("key has at least 16 bytes")
        for what, value, least, most in (
            ("timeout", timeout, 1, _DAY),
            ("max_timeout", max_timeout, 1, _DAY),
            ("window", window, 1, 16384),
            ("max_line", max_line, 1, 1048576),
            ("outbox", outbox, 1, 16384),
            ("room", room, max_line, 1 << 30),
        ):
            if not least <= value <= most:
                raise ValueError("%s is %d to %d, not %r" % (what, least, most, value))
        self._name = _quote(name.encode())
        self._tell = tell
        self._own_timeout = self.timeout = timeout
        self._max_timeout = max_timeout
        self._key = key
        self._choice = None  # the nonce's last bit: which of two keys the server is to use
        self._window = window
        self._max = max_line
        self._outbox = outbox
        self._room = room
        self._random = random
        self.phase = _DOWN
        # The memory: what outlives a connection.
        self._own = ""  # epoch
        # A server's memory: its epoch, the last line of it that the application took, the last that arrived, whether
        # any did. Of the ones before it a few are known: an impostor may have been there in between.
        self._peer = ["", 0, 0, False]
        self._earlier = ()
        self._conn = 0
        self._first = 1  # number of out[0]
        self._sent = 1  # number of the first line that was never sent
        self._met = 1  # _first when this peer was met
        self.out = []  # [payload, whether accepted, or why it never will be]
        self.loose = []  # best-effort payloads
        self.inbox = []  # (payload, its number, the memory that it counts for, or None)
        self._kept = bool(memory)
        if memory:
            self._own, self._first, peer, taken, self._conn, lines = memory
            self._peer = [peer, taken, taken, taken > 0]
            self.out = [[line.encode(), None] for line in lines]
            self._sent = self._first + len(lines)
            self._met = 0
        self.disconnect()

    def memory(self):
        # What a later Session goes on from, as JSON can hold it. To be asked when nothing is sent any more.
        lines = [str(line[0], "utf-8") for line in self.out]
        return [self._own, self._first, self._peer[0], self._peer[1], self._conn, lines]

    # ---- the application's side

    def check(self, line):
        if b"\n" in line:
            raise ValueError("a line ends at its first LF")
        if len(line) > self._max:
            raise ValueError("a line of %d bytes: max_line is %d" % (len(line), self._max))

    def has_room(self, line):
        size = len(line)
        for other in self.out:
            size += len(other[0])
        return len(self.out) < self._outbox and size <= self._room

    def write(self, line):
        # The entry's second part is None until the server has accepted it (True), or never will (why).
        entry = [line, None]
        self.out.append(entry)
        return entry

    def forget(self, entry):
        # Only a line that was not sent can be left out.
        for at in range(self._sent - self._first, len(self.out)):
            if self.out[at] is entry:
                return self.out.pop(at)

    def write_loose(self, line):
        if len(self.loose) >= self._outbox:
            self.loose.pop(0)
        self.loose.append(line)

    def accept(self):
        line, number, peer = self.inbox.pop(0)
        if peer:
            peer[1] = number
            if peer is self._peer:
                self._owes = True
        return str(line, "utf-8")

    # ---- the connection's side

    def connect(self, now):
        if not self._own:
            self._own = str(hexlify(bytes(reversed(self._random(8)))), "ascii")
        self._conn += 1
        say = "IOTLINK/2 id=%s conn=%d epoch=%s tx=%d" % (self._name, self._conn, self._own, self._first)
        if self._peer[0]:
            say += " peer=%s rx=%d" % (self._peer[0], self._peer[1])
            if self._waits():
                say += " seen=%d" % self._peer[2]
        say += " window=%d max=%d" % (self._window, self._max)
        if self._key is not None:
            nonce = bytearray(self._random(16))
            if self._choice is not None:
                nonce[15] = nonce[15] & 0xFE | self._choice
            self._odd = nonce[15] & 1
            say += " auth=hmac-sha256 nonce=" + str(hexlify(nonce), "ascii")
        self._opening = say.encode()
        self._say = self._opening + b"\n"
        self._owes = self._again = False
        self._heard = self._said = now
        self.retry = None  # ms that the server asks to wait
        self.unwanted = False  # the server asks to be left alone for long
        self.phase = _GREETING

    def disconnect(self):
        self.phase = _DOWN
        self._rest = self._say = self._opening = b""
        self._owes = self._again = self._due = False
        self._bye = None
        self._next = self._first  # number of the line to be sent next
        self._filled = self._first  # lines before it are in the connection's hands
        self._arrived = self._first - 1  # at the server, as far as it said
        self._peer_window = self._peer_max = 0

    def receive(self, data, now):
        # Takes bytes in any pieces.
        self._heard = now
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        try:
            for line in lines:
                if not _DOWN < self.phase < _OVER:
                    return
                self._measure(line)
                if self.phase == _OPEN:
                    self._take(line, now)
                else:
                    self._answer(line, now)
            if _DOWN < self.phase < _OVER:
                self._measure(self._rest)
        except ValueError as e:
            self._leave("protocol", str(e))

    def output(self, now):
        # The bytes that may be sent now. Send them, report them by sent(), and ask again until there is nothing.
        out = bytearray(self._say)
        self._say = b""
        if self.phase == _OPEN:
            if self._owes:
                out += b"=%04x\n" % (self._peer[1] & 0xFFFF)
                if self._again and self._waits():
                    out += b"~%04x\n" % (self._peer[2] & 0xFFFF)
                self._owes = self._again = False
            while self._has_next() and len(out) < _CHUNK:
                line = self.out[self._next - self._first][0]
                if self._next == self._sent:
                    if len(line) > self._peer_max:
                        self._give_up()
                        continue
                    self._sent += 1
                out += b"+%04x" % (self._next & 0xFFFF)
                out += line
                out += b"\n"
                self._next += 1
            while self.loose and len(out) < _CHUNK:
                line = self.loose.pop(0)
                if len(line) > self._peer_max:
                    self._tell("impossible", line)
                    continue
                out += b"-"
                out += line
                out += b"\n"
                self._tell("finished", line)
            if self._bye is not None and not self.loose and not self._has_next():
                out += ("!bye " + self._bye).rstrip().encode() + b"\n"
                self.phase = _OVER
            elif self._due and not out:
                # While lines wait here, a keepalive says that they have arrived.
                out += b"~%04x\n" % (self._peer[2] & 0xFFFF) if self._waits() else b"\n"
            self._due = False
        if out:
            self._said = now
        return out

    def sent(self, now):
        # The connection has taken what output() gave.
        if self._filled <= self._oldest() < self._next:
            self._since = now
            if not self._copy:
                self._waiting = now
        self._filled = self._next

    def elapse(self, now):
        # Does what is due by now.
        if _DOWN < self.phase < _OVER and now - self._heard >= self._silence():
            self._leave("silence", "nothing was heard for %d ms" % self._silence())
        elif self.phase == _OPEN:
            at = self._repeat_at()
            if at is not None and now >= at:
                self._copy = True
                self._doublings = min(3, self._doublings + 1)
                self._next = self._filled = self._oldest()
            if now - self._said >= self.timeout // 4:
                self._due = True

    def due(self, now):
        # In how many milliseconds elapse() may have something to do.
        due = self._heard + self._silence()
        if self.phase == _OPEN:
            due = min(due, self._said + self.timeout // 4)
            at = self._repeat_at()
            if at is not None:
                due = min(due, at)
        return max(1, due - now)

    def bye(self, text=""):
        # This end leaves, when what may be sent was sent.
        if self.phase == _OPEN:
            self._bye = text
        else:
            self.phase = _OVER

    def end(self, why):
        # The connection broke.
        self._leave("connection-lost", why)

    # ---- lines

    def _measure(self, line):
        most = _OPENING
        if self.phase == _OPEN:
            most = self._max + (1 if line[:1] == b"-" else 5)
            if line[:1] == b"!":
                most = max(most, _FAREWELL)
        if len(line) > most:
            self._leave("too-long", "a line of the server is too long")

    def _take(self, line, now):
        text = _text(line)
        mark = text[:1]
        if not mark:
            # Nothing waits at the server: what has arrived was accepted, or the word of that was lost.
            self._arrived = min(self._arrived, self._first - 1)
            self._rests(now)
        elif mark == "-":
            self._sends = True
            self._put(line[1:], 0, None)
        elif text == "!bye" or text[:5] == "!bye ":
            self.unwanted = text[5:] == "displaced"
            self._leave("displaced" if self.unwanted else "peer-left", _shown(text[5:]))
        else:
            low = int(_only(text[1:5], _HEX[:16], 4), 16)
            if mark == "+":
                self._sends = True
                number = self._peer[2] + 1
                if (low - number) & 0xFFFF:
                    # A repetition, or behind a gap.
                    self._owes = self._again = True
                else:
                    self._put(line[5:], number, self._peer)
                return
            if mark == "#" and len(line) == 5:
                self._sends = True
                number = self._peer[2] + 1
                if (low - number) & 0xFFFF:
                    self._owes = self._again = True
                else:
                    self._skip(number)
                return
            # The number nearest to the next one.
            number = self._sent + ((low - self._sent + 0x8000 & 0xFFFF) - 0x8000)
            if mark not in "=~" or len(line) != 5 or not 0 <= number < self._sent:
                raise ValueError("a line means nothing, or is of a number that was never sent")
            if mark == "=":
                if number >= self._first:
                    self._progress(now)
                    self._finish(number)
                return
            if number >= self._oldest():
                self._progress(now)
            self._arrived = max(self._arrived, number)
            self._next = max(self._next, self._arrived + 1)
            self._rests(now)

    def _waits(self):
        # Whether numbered lines have arrived that the application has not taken.
        return self._peer[2] > self._peer[1]

    def _put(self, line, number, peer):
        size = len(line)
        for other in self.inbox:
            size += len(other[0])
        if len(self.inbox) >= self._window or size > self._room:
            return  # No room: it has not arrived.
        self.inbox.append((line, number, peer))
        if peer:
            peer[2] = number
            peer[3] = True
        self._tell("line", line)

    def _skip(self, number):
        # The server has given up the line of this number, which is accepted with the line before it.
        self._peer[2] = number
        self._peer[3] = True
        for at in range(len(self.inbox) - 1, -1, -1):
            line, _, peer = self.inbox[at]
            if peer is self._peer:
                self.inbox[at] = line, number, peer
                return
        self._peer[1] = number
        self._owes = True

    def _finish(self, number):
        while self._first <= number:
            entry = self.out.pop(0)
            self._first += 1
            entry[1] = True
            self._tell("finished", entry[0])
        self._next = max(self._next, self._first)
        self._arrived = max(self._arrived, number)

    def _give_up(self):
        entry = self.out.pop(self._next - self._first)
        entry[1] = "the server takes lines of at most %d bytes" % self._peer_max
        self._tell("impossible", entry[0])

    def _has_next(self):
        return self._next - self._first < min(len(self.out), self._peer_window)

    def _oldest(self):
        # The oldest line that is not known to be at the server.
        return max(self._first, self._arrived + 1)

    # ---- repetition: when nothing has progressed for the timeout, doubled for each repetition that led to nothing

    def _patience(self):
        return self.timeout + len(self.out[self._oldest() - self._first][0]) // 1000 * 1000

    def _progress(self, now):
        if self._oldest() < self._next:
            while self._doublings and now - self._waiting < self._patience() << self._doublings - 1:
                self._doublings -= 1
        self._since = self._waiting = now
        self._copy = False

    def _rests(self, now):
        # The server has nothing to send. What it has to say of our lines may still be right behind.
        if self._sends:
            self._rested = now
        self._sends = False
        self._tell("heartbeat", None)

    def _repeat_at(self):
        # While the server has not ended its line, it can say nothing else.
        if self._rest or not self._oldest() < self._next <= self._filled:
            return None
        latest = self._since + (self._patience() << 3)
        if self._sends:
            return latest
        return max(self._since + (self._patience() << self._doublings), min(latest, self._rested + self.timeout // 8))

    def _silence(self):
        return self.timeout if self.phase == _OPEN else 2 * self._own_timeout

    # ---- the opening

    def _answer(self, line, now):
        words = line.split(b" ")
        kinds = [_text(word) for word in words if word]
        if words[0] != b"IOTLINK/2" or len(kinds) < 2:
            raise ValueError("what the server says is no answer to an opening")
        kind = kinds[1]
        tokens = {}
        for word in kinds[2:]:
            at = word.find("=")
            if at < 1 or word[:at] in tokens:
                raise ValueError("a bad or repeated token")
            tokens[word[:at]] = word[at + 1 :]
        proves = self._key is not None and self.phase == _GREETING
        if kind == "no":
            self._refused(tokens)
        elif kind == "ok" and not proves:
            self._ok(tokens, now)
        elif kind == "ok":
            self._leave("peer-not-proven", "the server did not prove that it knows the key")
        elif kind == "prove" and proves:
            _only(tokens.get("nonce"), _HEX, 32)
            theirs = unhexlify(_only(tokens.get("mac"), _HEX, 64))
            # The line as it came, without the mac and the blank before it.
            line = b" ".join([word for word in words if word[:4] != b"mac="])
            text = b"\n" + self._opening + b"\n" + line + b"\n"
            differs = 0
            for a, b in zip(theirs, _hmac(self._key, b"iotlink/2 server" + text)):
                differs |= a ^ b
            self._choice = self._odd ^ 1 if differs else self._odd
            if differs:
                self._leave("peer-not-proven", "the server did not prove that it knows the key")
                return
            mac = hexlify(_hmac(self._key, b"iotlink/2 client" + text))
            self._say = b"IOTLINK/2 proof mac=" + mac + b"\n"
            self.phase = _PROVING
        else:
            raise ValueError("what the server says is no answer to an opening")

    def _refused(self, tokens):
        if "code" not in tokens:
            raise ValueError("a refusal without a code")
        why = tokens["code"] + " " + _unquote(tokens.get("text", ""))
        if "retry" in tokens:
            self.retry = min(_DAY, int(_only(tokens["retry"], _DIGITS)))
        self.unwanted = self.retry is None
        self._leave("refused", _shown(why))

    def _ok(self, tokens, now):
        most = (1 << 64) - 16385
        theirs = _epoch(tokens.get("epoch"))
        first = _number(tokens, "tx", 1, most)
        window = _number(tokens, "window", 1, 16384)
        size = _number(tokens, "max", 1, 1048576)
        # For so long this end would not notice that the server has gone.
        # With less than the least it would do nothing but repeat its lines and say that it lives.
        least = min(100, self._own_timeout)
        timeout = _number(tokens, "timeout", least, max(self._max_timeout, self._own_timeout))
        peer = accepted = seen = None
        if "peer" in tokens or "rx" in tokens:
            peer = _epoch(tokens.get("peer"))
            accepted = seen = _number(tokens, "rx", 0, most)
            if "seen" in tokens:
                seen = _number(tokens, "seen", accepted, most)
        if peer == self._own and seen >= self._sent and not self._kept:
            raise ValueError("the server claims lines that were never sent")
        for other in self._earlier:
            if other[0] == theirs:
                # It was there before the last one. What it acknowledged then is not known any more.
                self._earlier = [one for one in self._earlier if one is not other]
                self._change_peer(other)
                self._met = 0
                break
        if peer == self._own:
            if seen >= self._sent:
                self._tell("notice", "memory-rolled-back")
                self._begin_anew("this memory was rolled back")
                return
            self._finish(accepted)
            if accepted + 1 < self._first:
                self._tell("notice", "lines-lost")
        elif self._peer[0] and (peer or self._peer[0] != theirs or self._first != self._met):
            self._tell("notice", "session-not-resumed")
        if self._peer[0] != theirs:
            self._met = self._first
            if self._peer[0]:
                self._tell("notice", "peer-restarted")
            self._change_peer([theirs, first - 1, first - 1, False])
        elif first > self._peer[2] + 1:
            # What still waits is the application's; its numbers are nobody's any more.
            self._tell("notice", "lines-lost")
            self._peer = [theirs, first - 1, first - 1, False]
            self._owes = False
        for entry in self.out[: self._sent - self._first]:
            if len(entry[0]) > size:
                # It has its number, which cannot be left out.
                self._begin_anew("the server no longer takes a line that was sent before")
                return
        self.timeout = timeout
        self._opening = b""
        self._peer_window = window
        self._peer_max = size
        self._next = self._filled = self._first
        self._arrived = self._first - 1
        self._since = self._waiting = now
        self._doublings = self._rested = 0
        self._copy = self._sends = False
        self.phase = _OPEN
        self._tell("opened", None)

    def _change_peer(self, peer):
        # The one before may come back, if it has brought a line.
        if self._peer[3]:
            self._earlier = list(self._earlier)[-3:] + [self._peer]
        self._peer = peer
        self._owes = False

    def _begin_anew(self, why):
        # A new epoch: the lines are numbered again, from 1.
        self._own = ""
        self._kept = False
        self._met = 0
        self._first = self._sent = 1
        self._leave("connection-lost", why)

    def _leave(self, reason, why):
        # The first reason is the one that counts.
        if _DOWN < self.phase < _OVER:
            self.phase = _OVER
            self.reason = reason
            self.why = why


class Client:
    # The ancestor's arguments, in its order; what follows "wdog" is new, and goes to the Session.
    def __init__(
        self, my_id, server, port=8123, ssid="", pw="", timeout=2000, conn_cb=None, conn_cb_args=None,
        verbose=False, led=None, wdog=False, **options,
    ):
        self._s = Session(my_id, self._hear, timeout, **options)
        self._server = server
        self._port = port
        self._ssid = ssid
        self._pw = pw
        self._cb = conn_cb
        self._cb_args = conn_cb_args or ()
        self._verbose = verbose
        self._led = led
        self._nap = None  # when a sleep ends
        self._ms = 0
        self._tick = ticks_ms()
        self._w = None
        self._error = None
        self.connects = 0
        self.why = ""  # why the link is down, or was last
        self._buf = memoryview(bytearray(_CHUNK))
        self._wake = asyncio.Event()  # for _serve: there may be something to send
        self._news = asyncio.Event()  # for the application: something has changed
        self._turn = asyncio.Lock()  # those who wait to write keep their order
        self._feed = self._calm = lambda: None
        if wdog:
            self._watch()
        self._sta = None
        if ssid:
            network.WLAN(network.AP_IF).active(False)
            self._sta = network.WLAN(network.STA_IF)
            self._sta.active(True)
        gc.collect()
        self._task = asyncio.create_task(self._run())

    # ---- the ancestor's API

    def __iter__(self):  # MicroPython's "await client"
        return self._wait(self.status)

    def __await__(self):
        return self._wait(self.status).__await__()

    def status(self):
        return self._s.phase == _OPEN

    __call__ = status

    async def readline(self):
        s = self._s
        await self._wait(lambda: s.inbox)
        line = s.accept()
        self._wake.set()
        return line + "\n"

    async def write(self, buf, qos=True, wait=True):
        # "wait" has no meaning: lines always keep their order.
        s = self._s
        line = buf.encode() if isinstance(buf, str) else bytes(buf)
        if line[-1:] == b"\n":
            line = line[:-1]
        s.check(line)
        if not qos:
            await self._wait(self.status)
            s.write_loose(line)
            self._wake.set()
            return
        async with self._turn:
            await self._wait(lambda: s.has_room(line))
            entry = s.write(line)
        self._wake.set()
        try:
            await self._wait(lambda: entry[1])
        finally:
            # Cancelled. A line that was sent goes on; after close() it is in memory().
            if not entry[1] and self._error is None and s.forget(entry):
                self._change()
        if entry[1] is not True:
            raise ValueError(entry[1])

    def close(self):
        self._calm()
        if self._error is None:
            self._error = OSError("closed")
            self._s.bye()
            try:
                out = self._s.output(0)
                if out and self._w:
                    self._w.write(out)
                self._shut(True)
                self._task.cancel()
            except Exception:  # There is no loop any more: what it held is closed already.
                pass
            self._change()

    async def sleep(self, seconds):
        # Says to the server that this device sleeps, ends the connection, and leaves the Wi-Fi. Returns when that is
        # done: the chip may sleep then. After the time, or at wake(), it connects at once.
        if not 1 <= seconds <= 31622400:
            raise ValueError("a device sleeps for 1 to 31622400 seconds, not %r" % seconds)
        if self._error is not None:
            raise self._error
        self._nap = self._now() + int(seconds) * 1000
        self._s.bye("sleep=%d" % seconds)
        self._wake.set()
        await self._wait(lambda: self._w is None)

    def wake(self):
        self._nap = None
        self._wake.set()

    # For subclasses: awaited when the first attempt fails. If they raise, the link ends.
    async def bad_wifi(self):
        pass

    async def bad_server(self):
        pass

    # ---- beside it

    def pending(self):
        # Lines that the server has not accepted yet.
        return len(self._s.out)

    def memory(self):
        # After close(): what a later Client goes on from with memory=..., as JSON can hold it.
        return self._s.memory()

    # ---- inside

    def _watch(self):
        # Resets a board whose loop has stopped for 20 s.
        import machine
        from sys import platform

        if platform == "pyboard":  # It can't be stopped again.
            self._feed = machine.WDT(0, 20000).feed
            return
        left = [20]

        def count(_):
            left[0] -= 1
            if left[0] <= 0:
                machine.reset()

        def feed():
            left[0] = 20

        timer = machine.Timer(-1)
        timer.init(period=1000, mode=machine.Timer.PERIODIC, callback=count)
        self._feed = feed
        self._calm = timer.deinit

    def _now(self):
        # ticks_ms() begins anew after some days; this does not.
        tick = ticks_ms()
        self._ms += ticks_diff(tick, self._tick)
        self._tick = tick
        return self._ms

    def _say(self, text):
        if self._verbose:
            print("IotLink:", text)

    def _change(self):
        self._news.set()
        self._news.clear()

    async def _wait(self, ready):
        while not ready():
            if self._error is not None:
                raise self._error
            await self._news.wait()

    async def _rest(self, ms):
        while ms > 0:
            self._feed()
            await asyncio.sleep(min(ms, 5000) / 1000)
            ms -= 5000

    def _hear(self, what, detail):
        try:
            if what == "heartbeat":
                led = self._led
                if led is not None:
                    led.toggle() if hasattr(led, "toggle") else led(not led())
                return
            if what == "opened":
                self.connects += 1
                self._tell(True)
            elif what == "notice":
                self._say(detail)
        except Exception as e:  # The application's own.
            self._say(repr(e))
        self._change()

    def _tell(self, up):
        self._say("up" if up else "down")
        if self._cb is not None:
            result = self._cb(up, *self._cb_args)
            if hasattr(result, "send"):
                asyncio.create_task(result)

    def _tell_down(self):
        try:
            self._tell(False)
        except Exception as e:
            self._say(repr(e))

    async def _doze(self):
        if self._sta:
            self._sta.disconnect()
        while self._nap is not None and self._now() < self._nap:
            self._feed()
            try:
                await asyncio.wait_for(self._wake.wait(), min(5000, self._nap - self._now()) / 1000)
            except asyncio.TimeoutError:
                pass
            self._wake.clear()
        self._nap = None

    async def _join(self):
        sta = self._sta
        if sta is None or sta.isconnected():
            return True
        self._say("Wi-Fi")
        sta.connect(self._ssid, self._pw)
        for _ in range(20):
            await self._rest(500)
            if sta.isconnected():
                return True
        sta.disconnect()
        return False

    async def _run(self):
        s = self._s
        fails = 0
        while True:
            hook = self.bad_server
            before = self.connects
            s.reason = s.retry = None
            s.unwanted = False
            try:
                if await self._join():
                    await self._serve()
                else:
                    self.why = "no Wi-Fi"
                    hook = self.bad_wifi
            except Exception as e:  # A network that fails, no memory: it may be better the next time.
                self.why = repr(e)
            if self._error is not None:
                return  # closed
            if s.reason:
                self.why = s.reason + ": " + s.why
            if self._nap is not None:
                if before != self.connects:
                    self._tell_down()
                await self._doze()
                fails = 0
                continue
            gc.collect()
            self._say(self.why)
            fails = fails + 1 if before == self.connects else 0
            if before != self.connects:
                self._tell_down()
            try:
                if fails == 1 and not before:
                    await hook()
            except Exception as e:
                self._error = e
                self._calm()
                self._change()
                return
            if fails % 8 == 7 and self._sta:
                self._sta.disconnect()
            # No word of a server ends this end: nothing says that it is the server's.
            pause = 30000 if fails > 6 or s.unwanted else min(30000, 500 << fails)
            chance = os.urandom(1)[0]
            pause -= pause * chance // 512
            if s.retry is not None:
                retry = min(s.retry, _PATIENCE)
                pause = max(pause, retry + retry * chance // 512)
            await self._rest(pause)
            if self._nap is not None:
                await self._doze()
                fails = 0

    async def _serve(self):
        s = self._s
        r, w = await asyncio.wait_for(asyncio.open_connection(self._server, self._port), 5)
        self._w = w
        s.connect(self._now())
        reader = asyncio.create_task(self._read(r))
        out = b""
        try:
            while s.phase != _OVER and (s.phase == _OPEN or self._nap is None):
                self._feed()
                now = self._now()
                s.elapse(now)
                fresh = not out
                out = out or s.output(now)
                if out:
                    # What the system has not taken yet.
                    if hasattr(w, "s"):  # MicroPython
                        out = out[w.s.write(out) or 0 :]
                    else:
                        if fresh:
                            w.write(out)
                        if not w.transport.get_write_buffer_size():
                            out = b""
                    if not out:
                        s.sent(self._now())
                        continue
                try:
                    await asyncio.wait_for(self._wake.wait(), min(20 if out else 5000, s.due(now)) / 1000)
                except asyncio.TimeoutError:
                    pass
                self._wake.clear()
        finally:
            reader.cancel()
            s.disconnect()
            self._shut(self._nap is not None)
            self._change()

    async def _read(self, r):
        s = self._s
        try:
            while s.phase != _OVER:
                if hasattr(r, "readinto"):
                    size = await r.readinto(self._buf)
                    if size is None:
                        continue
                    data = self._buf[:size]
                else:
                    data = await r.read(_CHUNK)
                if not len(data):
                    s.end("the server ended the connection")
                else:
                    s.receive(data, self._now())
                self._wake.set()
        except Exception as e:
            s.end(repr(e))
            self._wake.set()

    def _shut(self, farewell=False):
        w = self._w
        self._w = None
        if w is None:
            return
        if hasattr(w, "s"):
            w.s.close()
        elif farewell:
            w.close()
        else:
            w.transport.abort()
