"""How the cost of an add grows with the number of those who contend, and of counters."""

from rounds import describe
from shapes import Shape, counting

THREADS = 64


def contender_ways(count):
    return counting("corral", count), counting("curator", count), counting("kazoo", count)


def counter_ways(count):
    return (
        counting("corral", id="corral-async", title="Corral, 10,000 outstanding", outstanding=10000, counters=count),
        counting("corral", THREADS, title=f"Corral, {THREADS} threads", counters=count),
        counting("curator", THREADS, title=f"Curator, {THREADS} threads", counters=count),
        counting("kazoo", THREADS, title=f"Kazoo, {THREADS} threads", counters=count),
    )


def plots(contenders, counters):
    return (
        ("contenders", "Adds to one counter, by threads of one process", "threads", contenders, contender_ways),
        ("counters", "Adds to several counters by turns", "counters", counters, counter_ways),
    )


PLOTS = plots((1, 2, 4, 8, 16, 32, 64, 128, 256), (1, 10, 100, 1000, 10000, 100000))
QUICK_PLOTS = plots((1, 4, 16, 64, 256), (1, 100, 10000))


def warm_up(measurer, plot):
    """The points' own warm-ups are short: this is for a server and programs that have just been started."""
    id, title, _, xs, make_ways = plot
    measurer.only_warm_up(Shape(f"growth-{id}-warm-up", "counter", title, make_ways(xs[0])))


def measure(measurer, plot):
    """The points of all series of a plot. Totals are checked, too."""
    id, title, x_label, xs, make_ways = plot
    series = {}
    for x in xs:
        shape = Shape(f"growth-{id}-{x}", "counter", f"{title}: {x:,}", make_ways(x))
        for way, result in zip(shape.ways, measurer.shape(shape)["ways"]):
            one = series.setdefault(way.id, {**describe(way), "points": []})
            one["points"].append({"x": x, "rounds": result["rounds"], "total": result["total"]})
    return {"id": id, "title": title, "x": x_label, "series": list(series.values())}
