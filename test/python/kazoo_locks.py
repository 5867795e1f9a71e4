"""Kazoo's Lock, to be told by another program what to do:

    python3 kazoo_locks.py SERVERS

says "ready" once it is connected, and then takes commands, one a line:

    run KIND PATH 1 SECONDS  acquire and release, with one thread, for so long

answered by "done ACQUIRED 0 SECONDS". KIND is `lock`. Ends with its input; exit
status 1 for anything unexpected.
"""

import logging
import sys
import time

from kazoo.client import KazooClient


def say(*words):
    print(*words, flush=True)


def run(lock, seconds):
    acquired = 0
    start = time.monotonic()
    while time.monotonic() < start + seconds:
        if not lock.acquire():
            raise RuntimeError("not acquired")
        lock.release()
        acquired += 1
    say("done", acquired, 0, time.monotonic() - start)


def main(servers):
    logging.basicConfig(level=logging.ERROR)
    client = KazooClient(servers)
    client.start(timeout=60)
    say("ready")
    for line in sys.stdin:
        command, kind, path, threads, seconds = line.split()
        if (command, kind, threads) != ("run", "lock", "1"):
            raise ValueError(line)
        run(client.Lock(path, "bench"), float(seconds))
    client.stop()
    client.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
