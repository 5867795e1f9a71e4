"""Kazoo's locks, to be told by another program what to do:

    python3 kazoo_locks.py SERVERS

says "ready" once it is connected, and then takes commands, one a line:

    turns KIND PATH FILE N   N times: acquire, add 1 to the number in FILE, release
    hold KIND PATH           acquire; says "held"
    release                  what is held

KIND is `mutex` (a Lock with Curator's names), or of Kazoo's own `lock` (Lock),
`write` (WriteLock), `read` (ReadLock). Who reads adds nothing: the number must
stay what it is. Each command but `hold` is answered by "done". Ends with its
input; exit status 1 for anything unexpected.
"""

import logging
import sys
import time

from kazoo.client import KazooClient
from kazoo.recipe.lock import Lock, ReadLock, WriteLock


class CuratorsLock(Lock):
    """Kazoo's, which a Curator respects, and which respects a Curator."""

    _NODE_NAME = "-lock-"
    _EXCLUDE_NAMES = ["-lock-"]


KINDS = {"mutex": CuratorsLock, "lock": Lock, "write": WriteLock, "read": ReadLock}


def say(*words):
    print(*words, flush=True)


def read(file):
    with open(file) as opened:
        return int(opened.read())


def turn(lock, reads, file):
    with lock:
        number = read(file)
        time.sleep(0.0002)
        if reads:
            if read(file) != number:
                raise RuntimeError("somebody wrote while it was read")
        else:
            with open(file, "w") as opened:
                opened.write(str(number + 1))


def main(servers):
    logging.basicConfig(level=logging.ERROR)
    client = KazooClient(servers)
    client.start(timeout=60)
    held = None
    say("ready")
    for line in sys.stdin:
        command, *rest = line.split()
        if command == "turns":
            kind, path, file, count = rest
            for _ in range(int(count)):
                turn(KINDS[kind](client, path), kind == "read", file)
            say("done")
        elif command == "hold":
            kind, path = rest
            held = KINDS[kind](client, path)
            held.acquire()
            say("held")
        elif command == "release":
            held.release()
            say("done")
        else:
            raise ValueError(command)
    client.stop()
    client.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
