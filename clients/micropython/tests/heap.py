# How many bytes of MicroPython's heap iotlink.py takes. usage: micropython heap.py
# One figure a line: a pointer's size; the code, compiled on the device; a session (the protocol and its memory), new
# and when it is open; a client (a session, a task and a buffer) before it connects.
import binascii
import gc
import hashlib
import os
import sys

sys.path.insert(0, __file__.rsplit("/", 1)[0] + "/..")
try:
    import asyncio
except ImportError:
    import uasyncio as asyncio

# The system's own modules are loaded before, since they are not ours.
(asyncio.Event, asyncio.Lock, asyncio.wait_for, asyncio.open_connection, binascii, hashlib, os)


def heap():
    gc.collect()
    gc.collect()
    return gc.mem_alloc()


print("pointer", 8 if sys.maxsize >> 32 else 4)
before = heap()
import iotlink  # noqa: E402

code = heap() - before
print("code", code)
before = heap()
session = iotlink.Session("pump-1", None)
print("session", heap() - before)
session._tell = lambda *_: None
session.connect(0)
session.output(0)
session.receive(b"IOTLINK/2 ok epoch=91aa03f00d5e2b18 tx=1 window=64 max=4000 timeout=2000\n", 0)
session.elapse(500)
session.output(500)
print("open", heap() - before)


async def main():
    before = heap()
    client = iotlink.Client("pump-1", "127.0.0.1")
    print("client", heap() - before)
    client.close()


asyncio.run(main())
