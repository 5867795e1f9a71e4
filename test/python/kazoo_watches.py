"""Kazoo's DataWatch, to be told by another program what to watch:

    python3 kazoo_watches.py SERVERS

says "ready" once it is connected, and then takes commands, one a line:

    watch data PATH COUNT

From then on each state of the znode, whose data must be a number, is told by
"told NUMBER TIME" when COUNT of them have been told of it, TIME being when the
last function was called, in nanoseconds of the monotonic clock. Ends with its input; exit status 1 for anything unexpected.
"""

import logging
import sys
import threading
import time

from kazoo.client import KazooClient
from kazoo.recipe.watchers import DataWatch


def say(*words):
    print(*words, flush=True)


class Crowd:
    """So many that watch the same."""

    def __init__(self, count):
        self.count = count
        self.lock = threading.Lock()
        self.number = None
        self.told = 0

    def tell(self, data, stat):
        at = time.monotonic_ns()
        number = int(data)
        with self.lock:
            if number != self.number:
                self.number = number
                self.told = 0
            self.told += 1
            if self.told == self.count:
                say("told", number, at)


def main(servers):
    logging.basicConfig(level=logging.ERROR)
    client = KazooClient(servers)
    client.start(timeout=60)
    say("ready")
    for line in sys.stdin:
        command, kind, path, count = line.split()
        if (command, kind) != ("watch", "data"):
            raise ValueError(line)
        crowd = Crowd(int(count))
        for _ in range(crowd.count):
            DataWatch(client, path, crowd.tell)
    client.stop()
    client.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
