# A device that sends a reading every few seconds, and lets the server choose how often: {"every": 2}.
# Its settings are those of micropython-iot, a file local.py beside it:
#   MY_ID, SERVER, PORT = "pump-1", "192.168.0.10", 8123
#   SSID, PW, TIMEOUT = "my-network", "my-password", 2000
#   KEY = "000102030405060708090a0b0c0d0e0f"    (only here; of "iotlink key new pump-1". Leave it out on an open link.)
import json

import iotlink as client
import local

asyncio = client.asyncio


class App:
    def __init__(self):
        self.every = 5
        self.link = client.Client(
            local.MY_ID,
            local.SERVER,
            local.PORT,
            local.SSID,
            local.PW,
            local.TIMEOUT,
            conn_cb=self.state,
            verbose=True,
            key=getattr(local, "KEY", None),
        )

    def state(self, up):
        print("the link is", "up" if up else "down")

    async def run(self):
        await self.link
        asyncio.create_task(self.obey())
        number = 0
        while True:
            number += 1
            await self.link.write(json.dumps({"number": number, "celsius": 21.5}))
            print("the server has reading", number)
            await asyncio.sleep(self.every)

    async def obey(self):
        while True:
            line = await self.link.readline()
            try:
                self.every = max(0.1, float(json.loads(line)["every"]))
                print("a reading every", self.every, "s from now on")
            except (KeyError, TypeError, ValueError):
                print("not understood:", repr(line))


async def main():
    app = App()
    try:
        await app.run()
    finally:
        app.link.close()


asyncio.run(main())
