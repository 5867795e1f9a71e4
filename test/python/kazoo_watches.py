"""Kazoo's DataWatch, to be told by another program what to watch:

    python3 kazoo_watches.py SERVERS

says "ready" once it is connected, and then takes commands, one a line:

    watch data PATH

From then on each state of the znode, whose data must be a number, is told by
"told NUMBER TIME", TIME being when the function was called, in nanoseconds of
the monotonic clock. Ends with its input; exit status 1 for anything unexpected.
"""

import logging
import sys
import time

from kazoo.client import KazooClient
from kazoo.recipe.watchers import DataWatch


def say(*words):
    print(*words, flush=True)


def told(data, stat):
    at = time.monotonic_ns()
    say("told", int(data), at)


def main(servers):
    logging.basicConfig(level=logging.ERROR)
    client = KazooClient(servers)
    client.start(timeout=60)
    say("ready")
    for line in sys.stdin:
        command, kind, path = line.split()
        if (command, kind) != ("watch", "data"):
            raise ValueError(line)
        DataWatch(client, path, told)
    client.stop()
    client.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
