"""What is no rate and has no peer: memory of idle counters, requests of long queues, calls that wait for a
server that is away. Each is a row beside the ratios.
"""

import time

from programs import named

IDLE_COUNTERS = 100000
WAITERS = (250, 1000)
PROCESSES = 4
# So many waiting sessions ping so rarely that these seconds show when they have come to rest.
QUIET_S = 0.5
QUIET_TRIES = 200
STALL_RATE = 10_000_000


def row(id, title, *values):
    return {"id": id, "title": title, "better": "less", "rounds": list(values)}


def idle(worker):
    """Bytes that an open counter takes beyond its path, after an add."""
    *_, opened, used = worker.ask("idle", "/bench/idle", IDLE_COUNTERS)
    bytes_each = named([opened, used])["used_bytes"]
    return row("idle/bytes", f"memory of an idle counter, beyond its path: bytes each, of {IDLE_COUNTERS:,}", bytes_each)


def stall(worker):
    """Draws of BLOCK IDs that waited while no server answered for 200 ms."""
    awaited = float(worker.ask("stall", "/bench/stall", STALL_RATE)[0])
    return row("stall/awaited", "BLOCK IDs: calls that waited for a server that was away for 200 ms", awaited)


class Queue:
    """Sessions of several processes that wait for one lock, which passes through them all."""

    def __init__(self, site, path):
        self.zookeeper = site.programs.zookeeper
        self.client = site.znodes.client
        self.workers = site.programs.get("corral", PROCESSES)
        self.path = path

    def requests(self):
        return self.zookeeper.counts()[0]

    def await_quiet(self, waiters):
        """Wait until all are queued up and send nothing but pings; how many of these there are in a second."""
        for _ in range(QUIET_TRIES):
            before = self.requests()
            time.sleep(QUIET_S)
            pings = (self.requests() - before) / QUIET_S
            if len(self.client.get_children(self.path)) == waiters + 1 and pings < waiters / 4:
                return pings
        raise TimeoutError(f"{self.path}: {waiters} waiters do not come to rest")

    def drain(self, waiters):
        """Requests per hand-off."""
        self.client.ensure_path(self.path)
        first = self.client.create(
            f"{self.path}/_c_00000000-0000-0000-0000-000000000000-lock-", ephemeral=True, sequence=True
        )
        for i, worker in enumerate(self.workers):
            worker.ask("queue", self.path, (waiters + i) // PROCESSES)
        pings = self.await_quiet(waiters)
        before = self.requests()
        start = time.monotonic()
        self.client.delete(first)
        for worker in self.workers:
            worker.tell("drain")
        drained = sum(int(worker.expect("done")[0]) for worker in self.workers)
        seconds = time.monotonic() - start
        if drained != waiters:
            raise RuntimeError(f"{self.path}: {drained} of {waiters} got the lock")
        return (self.requests() - before - pings * seconds) / waiters


def drains(site, rounds):
    """How much more requests a hand-off takes with more waiters."""
    queue = Queue(site, "/bench/queue")
    few, many = zip(*([queue.drain(count) for count in WAITERS] for _ in range(rounds)))
    return [
        row("drain/requests", f"requests per hand-off, {WAITERS[1]:,} sessions that wait", *many),
        row(
            "drain/growth", f"requests per hand-off, {WAITERS[1]:,} sessions that wait / {WAITERS[0]}",
            *(m / f for m, f in zip(many, few)),
        ),
    ]
