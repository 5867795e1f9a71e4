"""Subscriptions: bench/watches measures them, being itself the one that makes the changes; here its figures
become results.
"""

import subprocess

from extras import row
from rounds import describe, describe_shape
from servers import MORTAL
from shapes import Shape, Way

# How long changes go on with a subscriber that sleeps.
STALL_S = 5

WAYS = (
    Way("bare", "bare", "bare watch, then zoo_awget"),
    Way("bare-loop", "bare", "bare zoo_wget loop"),
    Way("corral", "corral", "Corral"),
    Way("curator-node", "curator", "Curator's NodeCache"),
    Way("curator-cache", "curator", "CuratorCache"),
    Way("curator-count", "curator", "Curator's SharedCount"),
    Way("kazoo-data", "kazoo", "Kazoo's DataWatch"),
)

SHAPES = {
    "leisure": Shape(
        "watch-leisure", "watch", "Watch: from a change until it is told, 2 ms after the one before", WAYS, "p50_us"
    ),
    "no-pause": Shape(
        "watch-no-pause", "watch", "Watch: from a change until it is told, right after the one before", WAYS, "p50_us"
    ),
    "crowd": Shape(
        "watch-crowd", "watch", "Watch: from a change until 1,000 subscribers of one process are told", WAYS, "told_us"
    ),
}

EXTRAS = (
    ("watch-many/requests", "requests per change, 1,000 subscribers of one client", "shared", "requests"),
    ("watch-many/watches", "watches at the server, 1,000 subscribers of one client", "shared", "watches"),
    ("watch-many/in-flight", "10,000 watched znodes and a new session: reads in flight", "renewed", "in_flight"),
    ("watch-stall/heap", "memory growth with a subscriber that sleeps, MiB", "stalled", "heap_growth_mb"),
)


def figures_of(lines):
    """The values in the order of the rounds, by pace, way and figure."""
    figures = {}
    for line in lines:
        way, pace, figure, _, value = line.split("\t")
        figures.setdefault(pace, {}).setdefault(way, {}).setdefault(figure, []).append(float(value))
    return figures


def result(shape, by_way):
    """A shape's results, of the ways that have been measured."""
    ways = []
    for way in shape.ways:
        if figures := by_way.get(way.id):
            rounds = [dict(zip(figures, values)) for values in zip(*figures.values())]
            ways.append({**describe(way), "rounds": rounds})
    return {**describe_shape(shape), "ways": ways}


def measure(build, servers, settings, say):
    """The shapes, and what is beside the ratios."""
    say("watches")
    told = subprocess.run(
        [*MORTAL, str(build / "bench/watches"), servers, *map(str, (settings.rounds, settings.seconds, STALL_S))],
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    figures = figures_of(told.stdout.splitlines())
    shapes = [result(shape, figures[pace]) for pace, shape in SHAPES.items()]
    extras = [row(id, title, *figures[pace]["corral"][name]) for id, title, pace, name in EXTRAS]
    return shapes, extras
