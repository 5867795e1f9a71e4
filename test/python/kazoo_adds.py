"""Kazoo's Counter, to be told by another program what to do:

    python3 kazoo_adds.py SERVERS DELAY

says "ready" once it is connected, and then takes commands, one a line:

    get KIND PATH    read the value
    add KIND PATH N  add 1, N times

KIND is `decimal`, or `int` for the encoding that Kazoo shares with Curator.
Each is answered by one line: "done VALUE", "done LOST" (how many tries of
these adds were in vain). `add` says every sum before that, on a line of its
own. DELAY is how long Kazoo waits after the first try of an add that was in
vain, in seconds (0.1 if one leaves it to Kazoo); it does so without end. Ends
with its input; exit status 1 for anything unexpected.
"""

import logging
import sys

from kazoo.client import KazooClient
from kazoo.recipe.counter import Counter
from kazoo.retry import KazooRetry


class CountingCounter(Counter):
    """Kazoo's, that also counts how often it tried."""

    tries = 0

    def _inner_change(self, value):
        self.tries += 1
        super()._inner_change(value)


def say(*words):
    print(*words, flush=True)


def make(client, kind, path):
    if kind not in ("decimal", "int"):
        raise ValueError(kind)
    return CountingCounter(client, path, support_curator=kind == "int")


def add(counter, times):
    before = counter.tries
    for _ in range(times):
        counter += 1
        say(counter.post_value)
    say("done", counter.tries - before - times)


def main(servers, delay):
    logging.basicConfig(level=logging.ERROR)
    client = KazooClient(servers, command_retry=KazooRetry(max_tries=-1, delay=float(delay)))
    client.start(timeout=60)
    counters = {}
    say("ready")
    for line in sys.stdin:
        command, kind, path, *rest = line.split()
        if (kind, path) not in counters:
            counters[kind, path] = make(client, kind, path)
        counter = counters[kind, path]
        if command == "get":
            say("done", counter.value)
        elif command == "add":
            add(counter, int(rest[0]))
        else:
            raise ValueError(command)
    client.stop()
    client.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
