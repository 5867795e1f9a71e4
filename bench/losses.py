"""Correctness beside speed: increments through a proxy that loses every so-many-th reply of a write that the
server has applied.
"""

from programs import Worker
from rounds import WrongTotal, check_total
from shapes import counting

ASKED = 400
EVERY = 20

WAYS = (counting("corral"), counting("curator", title="Curator"), counting("kazoo"))


def measure(programs, znodes, say):
    """A row for each peer: what its counter holds after ASKED increments. Corral's must be exact."""
    rows = []
    for way in WAYS:
        say(f"{way.title}: {ASKED} increments, each {EVERY}th reply lost")
        path = f"/bench/losses/{way.id}"
        znodes.make(way, path)
        proxy = Worker([str(programs.build / "bench/lossy"), programs.zookeeper.servers, str(EVERY)])
        worker = programs.start(way.program, proxy.expect("ready")[0])
        count, failed = map(int, worker.ask("add", way.kind, path, ASKED, *way.words))
        proxy.tell("lost")
        lost = int(proxy.expect("lost")[0])
        worker.stop()
        proxy.stop()
        found = znodes.total(way, path)
        if lost == 0:
            raise WrongTotal(f"{way.title}: no reply was lost")
        if way.program == "corral":
            check_total(f"{way.title}, replies lost", count - failed, found)
            if failed:
                raise WrongTotal(f"{way.title}: {failed} of {ASKED} adds failed")
        rows.append(
            {"program": way.program, "title": way.title, "asked": count, "failed": failed, "lost": lost, "found": found}
        )
    return rows


def print_table(rows):
    for r in rows:
        told = f"{r['asked']} increments, {r['failed']} said to have failed, {r['lost']} replies lost"
        print(f"{r['title']}: {told}: the counter holds {r['found']}")
