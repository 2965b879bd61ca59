# Runs the conformance vectors of a client (their README.md says how) through iotlink.Session.
# usage: python3 vectors.py [--pieces] FOLDER-OR-FILES...    One line for each: "ok NAME" or "failed NAME: why".
import os
import sys

sys.path.insert(0, __file__.rsplit("/", 1)[0] + "/..")
from iotlink import Session  # noqa: E402

DOWN, OPEN, OVER = 0, 3, 4


def unescape(text):
    data = b""
    parts = text.split("\\")
    data += parts[0].encode()
    at = 1
    while at < len(parts):
        part = parts[at]
        if part == "":  # a backslash that stands for itself
            at += 1
            data += b"\\" + (parts[at].encode() if at < len(parts) else b"")
        elif part[0] == "x":
            data += bytes([int(part[1:3], 16)]) + part[3:].encode()
        else:
            data += {"n": b"\n", "r": b"\r"}[part[0]] + part[1:].encode()
        at += 1
    return data


def escape(data):
    text = ""
    for c in bytes(data):
        text += {10: "\\n", 13: "\\r", 92: "\\\\"}.get(c) or (chr(c) if 32 <= c < 127 else "\\x%02x" % c)
    return text


class Run:
    def __init__(self, pieces):
        self.pieces = pieces
        self.options = {"window": 64, "max_line": 4000, "outbox": 1000, "room": 1000000}
        self.id = "pump-1"
        self.drawn = b""
        self.kept = None
        self.held = []
        self.session = None
        self.now = 0
        self.said = b""
        self.events = []

    def random(self, count):
        if len(self.drawn) < count:
            raise ValueError("more is drawn than the vector gives")
        drawn, self.drawn = self.drawn[:count], self.drawn[count:]
        return drawn

    def tell(self, what, detail):
        self.events.append(what if detail is None else what + " " + (detail if what == "notice" else escape(detail)))

    def setting(self, verb, argument):
        if verb == "id":
            self.id = str(unescape(argument), "utf-8")
        elif verb == "key":
            self.options["key"] = argument
        elif verb == "random":
            digits = argument.replace(" ", "")
            self.drawn += bytes([int(digits[i : i + 2], 16) for i in range(0, len(digits), 2)])
        elif verb in ("timeout", "window", "max-timeout"):
            self.options[verb.replace("-", "_")] = int(argument)
        elif verb == "inbox":  # Here it is the window.
            if int(argument) != self.options["window"]:
                raise ValueError("an inbox of another size than the window")
        elif verb == "max":
            self.options["max_line"] = int(argument)
        elif verb == "memory":
            self.kept = dict([token.split("=") for token in argument.split(" ")])
        elif verb == "held":
            self.held.append(str(unescape(argument), "utf-8"))
        else:
            return verb == "role"
        return True

    def begin(self):
        memory = None
        if self.kept:
            k = self.kept
            memory = [k["epoch"], int(k["first"]), k.get("peer", ""), int(k.get("accepted", 0)), int(k.get("conn", 0)),
                      self.held]
        self.session = Session(self.id, self.tell, memory=memory, random=self.random, **self.options)

    def flush(self):
        while True:
            out = self.session.output(self.now)
            if not out:
                return
            self.said += out
            self.session.sent(self.now)

    def listen(self, leaving=False):
        s = self.session
        self.flush()
        if s.phase == OVER and not leaving:
            if s.reason in ("protocol", "too-long"):
                self.events.append("fail " + s.reason)
            else:
                retry = "" if s.retry is None else " retry=%d" % s.retry
                self.events.append("leave " + s.reason + retry)
            s.disconnect()

    def input(self, verb, argument):
        s = self.session
        if verb == "connect":
            s.connect(self.now)
        elif verb == "<":
            data = unescape(argument)
            for piece in [data[i : i + 1] for i in range(len(data))] if self.pieces else [data]:
                s.receive(piece, self.now)
        elif verb == "write":
            s.write(unescape(argument))
        elif verb == "besteffort":
            s.write_loose(unescape(argument))
        elif verb == "accept":
            for _ in range(int(argument)):
                s.accept()
        elif verb == "bye":
            s.bye(str(unescape(argument), "utf-8"))
        elif verb == "disconnect":
            s.disconnect()
        elif verb == "advance":
            until = self.now + int(argument)
            while s.phase != DOWN and self.now + s.due(self.now) <= until:
                self.now += s.due(self.now)
                s.elapse(self.now)
                self.listen()
            self.now = until
        else:
            raise ValueError(verb + " is no step")
        if s.phase != DOWN:
            s.elapse(self.now)
        self.listen(verb == "bye")

    def compare(self, said, events):
        got = [escape(line) for line in self.said.split(b"\n")]
        if got.pop() != "" or got != said:
            raise ValueError("said %r, expected %r" % (got, said))
        self.said = b""
        # The events of one kind in their order; the end last.
        for kind in set([e.split(" ")[0] for e in events + self.events]):
            ours = [e for e in self.events if e.split(" ")[0] == kind]
            if ours != [e for e in events if e.split(" ")[0] == kind]:
                raise ValueError("happened %r, expected %r" % (self.events, events))
        for event in self.events[:-1]:
            if event.split(" ")[0] in ("leave", "fail"):
                raise ValueError("happened after the end: %r" % (self.events,))
        self.events = []

    def step(self, lines, at):
        verb, _, argument = partition(lines[at])
        at += 1
        if verb == "" or verb[0] == "#" or self.setting(verb, argument):
            return at
        if self.session is None:
            self.begin()
        self.input(verb, argument)
        said, events = [], []
        while at < len(lines):
            word, _, rest = partition(lines[at])
            if word == ">":
                said.append(rest)
            elif word == "event":
                # For this client nothing is final: it comes back after its longest pause.
                events.append(rest[:-6] if rest.endswith(" final") else rest)
            elif word == "fail":
                events.append("fail " + rest)
            elif word and word[0] != "#":
                break
            at += 1
        self.compare(said, events)
        return at


def partition(line):
    at = line.find(" ")
    return (line, "", "") if at < 0 else (line[:at], " ", line[at + 1 :])


def main(arguments):
    pieces = "--pieces" in arguments
    files = []
    for name in arguments:
        if name.endswith(".txt"):
            files.append(name)
        elif name != "--pieces":
            files += [name + "/" + file for file in sorted(os.listdir(name)) if file.endswith(".txt")]
    failed = count = 0
    for file in files:
        with open(file) as f:
            lines = [line.rstrip("\n") for line in f]
        if "role client" not in lines:
            continue
        name = file.split("/")[-1][:-4]
        count += 1
        at = 0
        try:
            run = Run(pieces)
            while at < len(lines):
                last = at
                at = run.step(lines, at)
            print("ok", name)
        except Exception as e:
            failed += 1
            print("failed %s: after line %d, %s: %r" % (name, last + 1, lines[last][:60], e))
    print("%d of %d failed" % (failed, count))
    return 1 if failed or not count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
