# A device that a test plays with: it writes numbered lines, and prints what happens to it.
# usage: python3 device.py HOST PORT ID KEY|- FIRST FILE
# It writes "up FIRST", "up FIRST+1" and so on, and prints "got LINE" for each line of the server and "accepted N" for
# each of its own. At "restart" it keeps its memory in FILE and ends; a run that finds FILE goes on from there. At "end"
# it ends when the server has accepted all that it wrote, and prints "wrote LAST".
import json
import sys

sys.path.insert(0, __file__.rsplit("/", 1)[0] + "/..")
import iotlink  # noqa: E402

asyncio = iotlink.asyncio
AT_ONCE = 6


class Device:
    def __init__(self, host, port, name, key, first, file):
        self.next = int(first)
        self.file = file
        memory = None
        try:
            with open(file) as f:
                self.next, memory = json.loads(f.read())
        except OSError:
            pass
        self.order = ""
        self.changed = asyncio.Event()
        self.under_way = 0
        self.client = iotlink.Client(
            name, host, int(port), timeout=500, conn_cb=self.state, key=None if key == "-" else key, memory=memory
        )

    def state(self, up):
        self.print("up" if up else "down " + self.client.why)

    def print(self, *words):
        print(*words)
        if hasattr(sys.stdout, "flush"):
            sys.stdout.flush()

    async def run(self):
        asyncio.create_task(self.read())
        while not self.order:
            await asyncio.sleep(0.005)
            while self.under_way == AT_ONCE and not self.order:
                await self.changed.wait()
                self.changed.clear()
            if not self.order:
                self.under_way += 1
                asyncio.create_task(self.write(self.next))
                self.next += 1
        # What was begun has taken its place in the client; at the end it is waited for.
        await asyncio.sleep(0)
        while (self.client.pending() or self.under_way) and self.order == "end":
            await asyncio.sleep(0.01)
        self.client.close()
        with open(self.file, "w") as f:
            f.write(json.dumps([self.next, self.client.memory()]))
        self.print("wrote", self.next - 1)

    async def read(self):
        while not self.order:
            line = (await self.client.readline())[:-1]
            self.print("got", line)
            if line in ("restart", "end"):
                self.order = line
                self.changed.set()

    async def write(self, number):
        await self.client.write("up %d" % number)
        self.under_way -= 1
        self.changed.set()
        self.print("accepted", number)


async def main():
    await Device(*sys.argv[1:]).run()


asyncio.run(main())
