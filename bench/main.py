"""Corral side by side with its peers: measures all shapes and writes the results. scripts/bench calls it."""

import argparse
import contextlib
import copy
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import extras
import growth
import losses
import machine
import ratios
import report
import shapes
import tool
import watch
from programs import MANY_JVMS, Programs, curator_classes
from rounds import Measurer, Site, Znodes
from servers import Etcd, Redis, ZooKeeper

HERE = Path(__file__).resolve().parent
TOP = HERE.parent
GROUPS = ("counter", "lock", "id", "watch", "tool")
# How the peers are set up, beside what the ways say; for the report.
SETUP = {
    "several JVMs": " ".join(MANY_JVMS),
    "Redis": "keeps nothing on disk; load by redis-benchmark with one thread",
    "etcd": "one node, data in the same place as ZooKeeper's",
}
SHAPES = {"counter": shapes.COUNTERS, "lock": shapes.LOCKS, "id": shapes.IDS}


class Settings:
    """How long and how often is measured."""

    def __init__(self, given):
        self.quick = given.quick
        self.nodes = given.nodes
        self.groups = given.only
        self.rounds = given.rounds or 5
        self.seconds = given.seconds or (0.15 if given.quick else 1.0)
        self.warm_up = min(4.0, 4 * self.seconds)
        self.growth_rounds = 1 if given.quick else min(self.rounds, 3)

    def for_growth(self):
        """The same with shorter and fewer rounds, as there are many points."""
        other = copy.copy(self)
        other.rounds, other.seconds, other.warm_up = self.growth_rounds, self.seconds / 2, self.seconds / 2
        return other


START = time.monotonic()


def say(text):
    print(f"bench: {time.monotonic() - START:5.0f} s  {text}", file=sys.stderr, flush=True)


class Bench:
    """A whole run. @build has the C programs, @scratch is a directory of ours that others remove."""

    def __init__(self, build, scratch, settings):
        self.build = Path(build).resolve()
        self.scratch = Path(scratch)
        self.settings = settings
        # Not libtool's script of the same name, which takes longer than the program.
        self.tool = str(self.build / ".libs/corral")
        os.environ["LD_LIBRARY_PATH"] = str(self.build / ".libs")
        self.classes = self.scratch / "classes"
        self.shapes = []
        self.growth = []
        self.losses = []
        self.extras = []

    @contextlib.contextmanager
    def site(self, nodes=None):
        """Servers of their own, which know nothing of what was before, and those who use them."""
        with (
            ZooKeeper(self.tool, nodes or self.settings.nodes) as zookeeper,
            Redis() as redis,
            Znodes(zookeeper.servers) as znodes,
            Programs(self.build, self.classes, zookeeper, redis) as programs,
        ):
            yield Site(programs, znodes)

    def measure_plainly(self, group):
        with self.site() as site:
            measurer = Measurer([site], self.settings, say)
            for shape in SHAPES[group]:
                self.shapes.append(measurer.shape(shape))

    def measure_nodes(self):
        """On two ensembles by turns."""
        with self.site(1) as one, self.site(3) as three:
            self.shapes.append(Measurer([one, three], self.settings, say).shape(shapes.NODES))

    def measure_losses(self):
        with self.site() as site:
            self.losses = losses.measure(site.programs, site.znodes, say)

    def measure_extras(self, group):
        with self.site() as site:
            worker = site.programs.get("corral")[0]
            if group == "counter":
                self.extras.append(extras.idle(worker))
            elif group == "lock":
                self.extras += extras.drains(site, self.settings.growth_rounds)
            elif group == "id":
                self.extras.append(extras.stall(worker))

    def measure_growth(self):
        for plot in growth.QUICK_PLOTS if self.settings.quick else growth.PLOTS:
            with self.site() as site:
                growth.warm_up(Measurer([site], self.settings, say), plot)
                measurer = Measurer([site], self.settings.for_growth(), say)
                self.growth.append(growth.measure(measurer, plot))

    def measure_watches(self):
        with self.site() as site:
            servers = site.programs.zookeeper.servers
            measured, beside = watch.measure(self.build, servers, self.settings, say)
        self.shapes += measured
        self.extras += beside

    def measure_tool(self):
        with self.site() as site, Etcd(self.scratch) as etcd:
            programs = site.programs
            worker = programs.get("corral")[0]
            for shape in tool.shapes(
                self.tool, programs.zookeeper.servers, programs.redis.port, etcd.endpoint, self.scratch / "flock"
            ):
                self.shapes.append(tool.measure(worker, shape, self.settings, say))
            tool.check_totals(self.shapes, site.znodes, programs.redis)

    def run(self):
        compile_java(self.classes)
        for group in self.settings.groups:
            if group in SHAPES:
                self.measure_plainly(group)
                self.measure_extras(group)
            if group == "counter":
                self.measure_nodes()
                self.measure_losses()
                self.measure_growth()
            elif group == "watch":
                self.measure_watches()
            elif group == "tool":
                self.measure_tool()

    def results(self, head, targets):
        """@head is of machine.describe()."""
        s = self.settings
        return {
            "format": 1,
            **head,
            "settings": {
                "rounds": s.rounds, "seconds": s.seconds, "warm_up_seconds": s.warm_up, "nodes": s.nodes,
                "growth_rounds": s.growth_rounds, "growth_seconds": s.seconds / 2,
                "took_seconds": round(time.monotonic() - START), **SETUP,
            },
            "shapes": self.shapes,
            "growth": self.growth,
            "correctness": self.losses,
            "ratios": ratios.judge(shapes.RATIOS, self.shapes, self.extras, targets, s.groups == GROUPS),
        }  # fmt: skip


def compile_java(classes):
    jars = curator_classes()
    subprocess.run(
        ["javac", "-cp", jars, "-d", str(classes), *map(str, sorted((HERE / "java").glob("*.java")))], check=True
    )


def groups(text):
    chosen = text.split(",")
    unknown = [group for group in chosen if group not in GROUPS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no such group: {unknown[0]!r}; there are {', '.join(GROUPS)}")
    return tuple(group for group in GROUPS if group in chosen)


def within(kind, least, most):
    def number(text):
        if not least <= (value := kind(text)) <= most:
            raise ValueError(text)
        return value

    number.__name__ = f"number from {least} to {most}"
    return number


def directory(text):
    """One that is there, or can be made."""
    path = Path(text)
    above = next(each for each in (path, *path.absolute().parents) if each.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise argparse.ArgumentTypeError(f"nothing can be written in {str(above)!r}")
    return path


def parse(arguments):
    parser = argparse.ArgumentParser(prog="bench", allow_abbrev=False)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--nodes", type=int, choices=(1, 3), default=1)
    parser.add_argument("--only", type=groups, default=GROUPS)
    parser.add_argument("--rounds", type=within(int, 1, 100))
    parser.add_argument("--seconds", type=within(float, 0.05, 3600))
    parser.add_argument("--output", type=directory)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--parse-only", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def paths(given):
    """Where the results go, and the report of them."""
    parts = ["quick" if given.quick else "full"]
    if given.nodes > 1:
        parts.append(f"{given.nodes}-nodes")
    if given.only != GROUPS:
        parts += given.only
    if given.rounds:
        parts.append(f"{given.rounds}-rounds")
    if given.seconds:
        parts.append(f"{given.seconds:g}-s")
    results = (given.output or HERE / "results") / f"{'-'.join(parts)}.json"
    published = parts == ["full"] and given.output is None
    return results, TOP / "docs/benchmark.html" if published else results.with_suffix(".html")


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    say(f"written: {path}")


def end(number, _):
    """Told to end: by way of all that is to be left tidily."""
    raise SystemExit(128 + number)


def main(arguments):
    given = parse(arguments)
    if given.parse_only:
        return 0
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    settings = Settings(given)
    results_path, report_path = paths(given)
    # What can be wrong with these is to be known before all the work.
    targets = ratios.read_targets(HERE / "targets")
    bench = Bench(os.environ["BENCH_BUILD"], os.environ["TMPDIR"], settings)
    head = machine.describe(" ".join(["scripts/bench", *arguments]), bench.build)
    bench.run()
    results = bench.results(head, targets)
    write(results_path, json.dumps(results, indent=1) + "\n")
    write(report_path, report.page(results, results_path))
    ratios.print_table(results["ratios"])
    losses.print_table(results["correctness"])
    missed = [r for r in results["ratios"] if r["bound"] and not r["holds"]]
    return 1 if given.check and missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
