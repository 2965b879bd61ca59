# What the conformance vectors do not ask of iotlink.py. usage: python3 session.py    One line for each test.
import sys

sys.path.insert(0, __file__.rsplit("/", 1)[0] + "/..")
import iotlink  # noqa: E402

Session, asyncio = iotlink.Session, iotlink.asyncio
OK = b"IOTLINK/2 ok epoch=91aa03f00d5e2b18 tx=1%s window=64 max=%d timeout=2000\n"


def draw(count):
    return bytes(range(1, count + 1))


def session(**options):
    heard = []
    s = Session("pump-1", lambda what, detail: heard.append((what, detail)), random=draw, **options)
    s.heard = heard
    return s


def opened(most=4000, tokens=b"", **options):
    s = session(**options)
    open_again(s, most, tokens)
    return s


def open_again(s, most=4000, tokens=b""):
    s.connect(0)
    said(s)
    s.receive(OK % (tokens, most), 0)


def said(s, now=0):
    out = bytes(s.output(now))
    s.sent(now)
    return out


def raises(kind, part, action):
    try:
        action()
    except kind as e:
        assert part in str(e), e
        return
    raise AssertionError("nothing was raised")


def test_hmac_is_that_of_rfc_4231():
    for key, text, mac in (
        (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (b"Jefe", b"what do ya want for nothing?",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        (b"\xaa" * 131, b"Test Using Larger Than Block-Size Key - Hash Key First",
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
    ):
        assert iotlink.hexlify(iotlink._hmac(key, text)) == mac.encode()


def test_what_is_no_utf8_is_found():
    for good in (b"", b"a", b"\xc3\xa4", b"\xe2\x98\x83", b"\xf0\x9f\x98\x80", b"\xed\x9f\xbf", b"\xf4\x8f\xbf\xbf"):
        assert iotlink._text(good).encode() == good
    for bad in (b"\xc3\x28", b"\xed\xa0\x80", b"\xc0\x80", b"\xe0\x80\x80", b"\xf0\x80\x80\x80", b"\xf4\x90\x80\x80",
                b"\x80", b"\xc3", b"\xff"):
        raises(ValueError, "", lambda: iotlink._text(bad))


def test_options_out_of_their_limits_are_named():
    for options, part in (
        ({"timeout": 0}, "timeout"), ({"max_timeout": 0}, "max_timeout"),
        ({"window": 0}, "window"), ({"window": 16385}, "window"),
        ({"max_line": 0}, "max_line"), ({"outbox": 0}, "outbox"), ({"room": 1023}, "room"), ({"key": b"short"}, "key"),
    ):
        raises(ValueError, part, lambda: session(**options))
    for name in ("", "a\nb", "x" * 129, "\x9f"):
        raises(ValueError, "my_id", lambda: Session(name, None))


def test_of_equal_lines_the_one_that_is_too_long_is_given_up():
    s = opened(most=5)
    first, second, third = s.write(b"a"), s.write(b"123456"), s.write(b"b")
    assert said(s) == b"+0001a\n+0002b\n"
    again = s.write(b"123456")
    said(s)
    assert "5 bytes" in second[1] and "5 bytes" in again[1] and first[1] is third[1] is None
    # A line that was sent stays when its like is given up.
    s = opened(most=6)
    sent = s.write(b"123456")
    said(s)
    s._peer_max = 5
    given_up = s.write(b"123456")
    said(s)
    assert sent[1] is None and s.out[0] is sent and given_up[1]


def test_a_write_can_be_taken_back_until_it_is_sent():
    s = opened()
    sent = s.write(b"a")
    said(s)
    waits = s.write(b"b")
    assert not s.forget(sent) and s.forget(waits) and len(s.out) == 1


def test_the_outbox_has_bounds():
    s = session(outbox=3, room=2000, max_line=1000)
    for _ in range(2):
        assert s.has_room(b"x" * 1000)
        s.write(b"x" * 1000)
    assert not s.has_room(b"x")
    s = session(outbox=3)
    for _ in range(3):
        assert s.has_room(b"")
        s.write(b"")
    assert not s.has_room(b"")
    for number in range(5):
        s.write_loose(b"%d" % number)
    assert s.loose == [b"2", b"3", b"4"]
    raises(ValueError, "1024", lambda: s.check(b"x" * 1025))
    raises(ValueError, "LF", lambda: s.check(b"a\nb"))


def test_the_inbox_has_room_for_so_many_bytes():
    s = opened(room=1000, max_line=600)
    s.receive(b"+0001" + b"x" * 600 + b"\n+0002" + b"y" * 600 + b"\n", 0)
    assert len(s.inbox) == 1
    assert s.accept() == "x" * 600
    assert said(s) == b"=0001\n"
    s.receive(b"+0002" + b"y" * 600 + b"\n", 0)
    assert s.accept() == "y" * 600


def test_what_is_received_is_never_held_beyond_a_line():
    s = opened(max_line=100)
    for _ in range(10):
        s.receive(b"+0001" + b"x" * 50, 0)
    assert s.phase == 4 and s.reason == "too-long"
    s = session()
    s.connect(0)
    for _ in range(42):
        s.receive(b"x" * 50, 0)
    assert s.phase == 4 and s.reason == "too-long"


def test_a_full_memory_takes_no_line_twice_and_loses_none():
    s = opened()

    def full(what, detail):
        raise MemoryError(what)

    tell, s._tell = s._tell, full
    raises(MemoryError, "", lambda: s.receive(b"+0001a\n+0002b\n", 0))
    s._tell = tell
    s.disconnect()
    open_again(s, tokens=b" peer=0807060504030201 rx=0")
    s.receive(b"+0001a\n+0002b\n", 0)
    assert [line for line, _, _ in s.inbox] == [b"a", b"b"]


def test_memory_goes_on_where_it_ended():
    s = opened()
    entry = s.write(b"\xc3\xa4")
    s.write(b"b")
    said(s)
    s.receive(b"+0001x\n=0001\n", 0)
    assert entry[1] is True and s.accept() == "x"
    memory = s.memory()
    assert memory == ["0807060504030201", 2, "91aa03f00d5e2b18", 1, 1, ["b"]]
    s = session(memory=memory)
    s.connect(0)
    assert b" conn=2 epoch=0807060504030201 tx=2 peer=91aa03f00d5e2b18 rx=1 " in said(s)
    s.receive(OK % (b" peer=0807060504030201 rx=1", 4000), 0)
    assert said(s) == b"+0002b\n"


def test_what_the_server_says_of_its_leaving_is_printable():
    s = opened()
    s.receive(b"!bye \x1b[31mred\n", 0)
    assert s.why == "?[31mred"


def meet(s, epoch, tokens=b""):
    s.disconnect()
    s.connect(0)
    opening = said(s)
    s.receive(b"IOTLINK/2 ok epoch=%s tx=1 window=64 max=4000 timeout=2000%s\n" % (epoch, tokens), 0)
    assert s.phase == 3, s.why
    return opening


def test_of_an_earlier_server_no_line_is_had_twice():
    s = session()
    meet(s, b"a1")
    s.receive(b"+0001a\n+0002b\n", 0)
    assert s.accept() == "a" and said(s) == b"=0001\n"
    for epoch in (b"a2", b"a3", b"a4"):
        meet(s, epoch)
        s.receive(b"+0001x\n", 0)
    for epoch in (b"b1", b"b2"):  # They bring no line, and take nobody's place.
        meet(s, epoch)
    # "b" is accepted late, and counts for the first server alone.
    assert s.accept() == "b" and said(s) == b""
    meet(s, b"a1")
    s.receive(b"+0001a\n+0002b\n+0003c\n", 0)
    assert said(s) == b"=0002\n~0003\n"
    assert [s.accept() for _ in range(4)] == ["x", "x", "x", "c"] and said(s) == b"=0003\n"
    assert b" peer=00000000000000a1 rx=3 " in meet(s, b"a1")
    for epoch in (b"a3", b"a1"):
        meet(s, epoch)
        s.receive(b"+0001x\n", 0)
        assert not s.inbox
    # Of five that brought a line the first is forgotten.
    for epoch in (b"a6", b"a7", b"a8", b"a9"):
        meet(s, epoch)
        s.receive(b"+0001x\n", 0)
        s.accept()
    meet(s, b"aa")
    assert len(s._earlier) == 4
    meet(s, b"a2")
    s.receive(b"+0001x\n", 0)
    assert s.accept() == "x"


def test_what_an_earlier_server_acknowledged_is_not_known_any_more():
    s = session()
    meet(s, b"a1")
    s.receive(b"+0001a\n", 0)
    meet(s, b"a2")
    s.heard.clear()
    meet(s, b"a1")
    assert s.heard[0] == ("notice", "session-not-resumed") and len(s.heard) == 2, s.heard


def test_the_server_of_a_kept_memory_is_known_after_another():
    s = session(memory=["0807060504030201", 1, "00000000000000a1", 1, 3, []])
    meet(s, b"a2")
    meet(s, b"a1")
    s.receive(b"+0001a\n", 0)
    assert not s.inbox and said(s) == b"=0001\n"


def test_a_new_epoch_is_no_session_that_goes_on():
    s = opened()
    s.write(b"123456")
    said(s)
    s.disconnect()
    s._random = lambda count: b"\x07" * count
    s.connect(0)
    s.receive(OK % (b" peer=0807060504030201 rx=0", 5), 0)
    assert s.reason == "connection-lost"
    s.heard.clear()
    s.disconnect()
    open_again(s, 5)
    assert ("notice", "session-not-resumed") in s.heard and s.phase == 3


def test_lines_that_were_never_sent_are_no_claim():
    s = opened()
    s.write(b"a")
    said(s)
    s.disconnect()
    own = s.memory()[0]
    s.connect(0)
    s.receive(OK % (b" peer=0807060504030201 rx=2", 4000), 0)
    assert s.reason == "protocol" and s.memory()[0] == own
    # A memory that was kept may have been rolled back.
    s = session(memory=["0807060504030201", 2, "91aa03f00d5e2b18", 0, 3, []])
    s.connect(0)
    s.receive(OK % (b" peer=0807060504030201 rx=2", 4000), 0)
    assert s.reason == "connection-lost" and s.heard == [("notice", "memory-rolled-back")]
    # And its new epoch was not.
    s._random = lambda count: b"\x07" * count
    s.disconnect()
    open_again(s)
    s.disconnect()
    s.connect(0)
    s.receive(OK % (b" peer=0707070707070707 rx=2", 4000), 0)
    assert s.reason == "protocol"


def test_who_is_unwanted_stays_away_for_longest():
    for line, unwanted in (
        (b"IOTLINK/2 no code=auth\n", True), (b"IOTLINK/2 no code=busy retry=0\n", False), (b"!bye displaced\n", True),
        (b"!bye\n", False),
    ):
        s = opened() if line[:1] == b"!" else session()
        if line[:1] != b"!":
            s.connect(0)
        s.receive(line, 0)
        assert s.phase == 4 and s.unwanted == unwanted, line


def test_a_timeout_that_is_too_long_is_not_borne():
    for options, timeout, good in (
        ({}, 300000, True), ({}, 300001, False), ({"timeout": 400000}, 400000, True), ({"max_timeout": 1}, 2001, False),
    ):
        s = session(**options)
        s.connect(0)
        s.receive(b"IOTLINK/2 ok epoch=ab tx=1 window=1 max=1 timeout=%d\n" % timeout, 0)
        assert (s.phase == 3) == good and s.timeout == (timeout if good else options.get("timeout", 2000)), timeout


def test_a_signed_number_is_no_number():
    for line in (b"+-001", b"=-001", b"+0x01", b"+ 001", b"+1_00", b"=+001"):
        s = opened()
        s.receive(line + b"\n", 0)
        assert s.reason == "protocol", line


def test_every_byte_of_the_servers_mac_counts():
    for at in (None, 0, 31, 63):
        s = session(key=bytes(range(16)))
        s.connect(0)
        opening = said(s)
        line = b"IOTLINK/2 prove nonce=b0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
        text = b"iotlink/2 server\n" + opening + line + b"\n"
        good = bytearray(iotlink.hexlify(iotlink._hmac(bytes(range(16)), text)))
        if at is not None:
            good[at] ^= 1
        s.receive(line + b" mac=" + bytes(good) + b"\n", 0)
        if at is None:
            assert said(s).startswith(b"IOTLINK/2 proof mac=")
        else:
            assert s.reason == "peer-not-proven" and said(s) == b"", at


def test_a_token_that_stands_twice_is_an_error():
    for tokens in (b" x=1 x=1", b" max=4000", b" =1", b" word"):
        s = session()
        s.connect(0)
        s.receive(OK % (tokens, 4000), 0)
        assert s.reason == "protocol", tokens


def test_a_server_that_forgets_is_told_of():
    s = opened()
    # The answer to the first opening was lost: that is no news.
    s.disconnect()
    open_again(s)
    assert ("notice", "session-not-resumed") not in s.heard
    s.write(b"a")
    said(s)
    s.receive(b"=0001\n", 0)
    s.disconnect()
    open_again(s)
    assert ("notice", "session-not-resumed") in s.heard
    # What was kept may have been acknowledged before.
    for first in (1, 5):
        s = session(memory=["0807060504030201", first, "91aa03f00d5e2b18", 0, 3, []])
        open_again(s)
        assert ("notice", "session-not-resumed") in s.heard


def test_a_repetition_waits_until_the_server_has_ended_its_line():
    s = opened()
    s.write(b"a")
    said(s)
    s.receive(b"=0", 1500)
    s.elapse(2600)
    assert said(s, 2600) == b"\n"
    s.receive(b"000\n", 2700)
    s.elapse(2700)
    assert said(s, 2700) == b"+0001a\n"


def test_the_time_is_doubled_three_times_at_most():
    s = opened()
    s.write(b"a")
    said(s)
    times = []
    for now in range(100, 70000, 100):
        s.receive(b"\n", now)
        s.elapse(now)
        if b"+" in said(s, now):
            times.append(now)
    assert times == [2000, 6000, 14000, 30000, 46000, 62000], times


def test_what_was_sent_again_is_counted_once():
    s = opened()
    s.write(b"a")
    said(s)
    s.disconnect()
    open_again(s, tokens=b" peer=0807060504030201 rx=0")
    assert said(s) == b"+0001a\n"
    s.receive(b"=0002\n", 0)
    assert s.reason == "protocol"


def test_what_has_arrived_meanwhile_is_not_sent_again():
    s = opened()
    s.write(b"a")
    s.write(b"b")
    said(s)
    s.receive(b"\n", 1900)
    s.elapse(2000)
    s.receive(b"~0001\n", 2000)
    assert said(s, 2000) == b"+0002b\n"


def test_a_keepalive_says_what_waits_for_the_application():
    s = opened()
    s.receive(b"+0001a\n", 0)
    s.elapse(500)
    assert said(s, 500) == b"~0001\n"
    s.accept()
    assert said(s, 600) == b"=0001\n"
    s.elapse(1100)
    assert said(s, 1100) == b"\n"


def test_best_effort_lines_have_no_number():
    s = opened()
    s.receive(b"+0001a\n-b\n+0002c\n", 0)
    assert [s.accept(), s.accept(), s.accept()] == ["a", "b", "c"]
    assert said(s) == b"=0002\n"


def test_a_line_that_is_too_long_is_found_in_one_piece_too():
    for line in (b"+0001" + b"x" * 101, b"-" + b"x" * 101, b"!bye " + b"x" * 101):
        s = opened(max_line=100)
        s.receive(line + b"\n", 0)
        assert s.reason == "too-long", line
    s = session()
    s.connect(0)
    s.receive(OK % (b" x=" + b"x" * 2048, 4000), 0)
    assert s.reason == "too-long"


def test_what_the_opening_says_is_not_acknowledged_again():
    s = opened()
    s.receive(b"+0001a\n", 0)
    s.disconnect()
    s.accept()
    open_again(s, tokens=b" peer=0807060504030201 rx=0")
    assert said(s) == b""
    # Nor what is of a server's memory that is gone.
    s.receive(b"+0002a\n", 0)
    s.disconnect()
    s.connect(0)
    said(s)
    s.accept()
    s.receive(b"IOTLINK/2 ok epoch=ab tx=1 window=64 max=4000 timeout=2000\n", 0)
    assert s.phase == 3 and said(s) == b""


failed = 0
for name, test in sorted(globals().items()):
    if name.startswith("test_"):
        try:
            test()
            print("ok", name)
        except Exception as e:
            failed += 1
            print("failed %s: %r" % (name, e))
sys.exit(1 if failed else 0)
