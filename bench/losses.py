"""Correctness beside speed: increments through a proxy that loses every so-many-th reply of a write that the
server has applied.
"""

import struct

from programs import Worker
from rounds import WrongTotal
from shapes import KAZOO, PATIENT

ASKED = 400
EVERY = 20

COUNTERS = (
    ("corral", "Corral", {}, b"0"),
    ("curator", "Curator", PATIENT, struct.pack(">q", 0)),
    ("kazoo", "Kazoo", KAZOO, b"0"),
)


def measure(programs, znodes, say):
    """A row for each peer: what its counter holds after ASKED increments."""
    rows = []
    for program, title, options, zero in COUNTERS:
        say(f"{title}: {ASKED} increments, each {EVERY}th reply lost")
        path = f"/bench/losses/{program}"
        znodes.client.create(path, zero, makepath=True)
        proxy = Worker([str(programs.build / "bench/lossy"), programs.zookeeper.servers, str(EVERY)])
        worker = programs.start(program, proxy.expect("ready")[0])
        settings = [f"{name}={value}" for name, value in options.items()]
        count, failed = map(int, worker.ask("add", "add", path, ASKED, *settings))
        proxy.tell("lost")
        lost = int(proxy.expect("lost")[0])
        worker.stop()
        proxy.stop()
        znodes.client.sync(path)
        data, _ = znodes.client.get(path)
        found = struct.unpack(">q", data)[0] if len(zero) == 8 else int(data)
        if lost == 0:
            raise WrongTotal(f"{title}: no reply was lost")
        if program == "corral" and (failed, found) != (0, ASKED):
            raise WrongTotal(f"{title}: {failed} of {ASKED} adds failed, and there is {found}")
        rows.append(
            {"program": program, "title": title, "asked": count, "failed": failed, "lost": lost, "found": found}
        )
    return rows


def print_table(rows):
    for r in rows:
        told = f"{r['asked']} increments, {r['failed']} said to have failed, {r['lost']} replies lost"
        print(f"{r['title']}: {told}: the counter holds {r['found']}")
