"""Rounds: every way of a shape has its turn in each, in short slices by turns, after a round that is not
measured. So what disturbs the machine disturbs all alike, and ratios are taken within a round.
"""

import struct
from dataclasses import dataclass
from statistics import median

from kazoo.client import KazooClient

from programs import Programs, named
from servers import cpu_seconds
from shapes import BINARY

# Znodes made in one transaction.
TOGETHER = 500


class WrongTotal(Exception):
    """What a znode holds is not what its adds have added up to."""


def check_total(what, expected, found):
    if found != expected:
        raise WrongTotal(f"{what}: {expected} adds succeeded, but there is {found}")


def rotated(items, first):
    """All of them, beginning with another one."""
    first %= len(items)
    return [*items[first:], *items[:first]]


class Znodes:
    """The znodes of the ways, made and read again by a client of its own: Kazoo's."""

    def __init__(self, servers):
        self.client = KazooClient(servers)

    def __enter__(self):
        self.client.start(timeout=60)
        return self

    def __exit__(self, *_):
        self.client.stop()
        self.client.close()

    @staticmethod
    def places(way, path):
        """The znodes of its counters."""
        count = way.options.get("counters", 1)
        return [path] if count == 1 else [f"{path}/{i}" for i in range(count)]

    def make(self, way, path):
        if way.data is None:
            return
        places = self.places(way, path)
        if places == [path]:
            self.client.create(path, way.data, makepath=True)
            return
        self.client.ensure_path(path)
        for first in range(0, len(places), TOGETHER):
            transaction = self.client.transaction()
            for place in places[first : first + TOGETHER]:
                transaction.create(place, way.data)
            for result in transaction.commit():
                if isinstance(result, Exception):
                    raise result

    def total(self, way, path):
        """What its counters hold together."""
        self.client.sync(path)
        reads = [self.client.get_async(place) for place in self.places(way, path)]
        total = 0
        for read in reads:
            data, _ = read.get(timeout=60)
            total += struct.unpack(">q", data)[0] if way.data == BINARY else int(data)
        return total


class Answer:
    """What a worker says of a run that was to last @seconds.

    Who pauses between tries may be late by as much. What succeeds then is counted, but makes no one's rate
    lower, as those seconds are not.
    """

    def __init__(self, words, seconds):
        count, failed, took, *rest = words
        self.count = int(count)
        self.failed = int(failed)
        self.named = named(rest)
        late = self.named.pop("late", None)
        self.in_time = self.count - int(late or 0)
        self.seconds = float(took) if late is None else seconds


class Turn:
    """A way's turns in one round, added up."""

    def __init__(self, way):
        self.way = way
        self.count = self.failed = self.requests = self.writes = 0
        self.in_time = 0  # of the count: what ended before the time was over
        self.seconds = self.cpu_s = self.server_cpu_s = 0.0
        self.named = {}  # p50_us and the like, of each slice
        self.by_process = []  # a list for each slice

    def add(self, answers):
        """What all the workers said of a slice."""
        counts = [answer.count for answer in answers]
        self.count += sum(counts)
        self.in_time += sum(answer.in_time for answer in answers)
        self.failed += sum(answer.failed for answer in answers)
        self.seconds += max(answer.seconds for answer in answers)
        self.by_process.append(counts)
        for answer in answers:
            for name, value in answer.named.items():
                self.named.setdefault(name, []).append(value)

    def figures(self):
        """As they go to the results."""
        told = {
            "count": self.count, "in_time": self.in_time, "failed": self.failed, "seconds": round(self.seconds, 6),
            "rate": self.in_time / self.seconds if self.seconds else 0, "cpu_s": round(self.cpu_s, 3),
            "server_cpu_s": round(self.server_cpu_s, 3),
        }  # fmt: skip
        if self.way.program != "redis":
            told.update(requests=self.requests, writes=self.writes)
        for name, values in self.named.items():
            if name not in ("least", "most"):
                told[name] = round(median(values), 2)
            elif self.way.threads > 1:
                told[name] = sum(values)
        if self.way.processes > 1:
            by_process = [sum(counts) for counts in zip(*self.by_process)]
            told.update(least=min(by_process), most=max(by_process))
        return told


@dataclass
class Site:
    """Servers and what uses them: Programs and Znodes."""

    programs: Programs
    znodes: Znodes


class Measurer:
    """Measures shapes, each way at its own one of @sites."""

    def __init__(self, sites, settings, say):
        self.sites = sites
        self.settings = settings
        self.say = say
        self.peaks = {}
        self.first = 0  # which of the ways of a shape, counted on from round to round

    def path(self, shape, way):
        return f"/bench/{shape.id}/{way.id}"

    def _workers(self, way):
        return self.sites[way.site].programs.get(way.program, way.processes)

    def _sample(self, way, workers):
        programs = self.sites[way.site].programs
        server = programs.redis if way.program == "redis" else programs.zookeeper
        requests, writes = (0, 0) if way.program == "redis" else server.counts()
        return requests, writes, sum(w.cpu_seconds() for w in workers), cpu_seconds(server.pids)

    def slice(self, shape, way, turn, seconds):
        """Let the way's workers do it for @seconds, and note in @turn what that was."""
        workers = self._workers(way)
        for worker in workers:
            worker.forget_peak()
        before = self._sample(way, workers)
        for worker in workers:
            worker.tell("run", way.kind, self.path(shape, way), way.threads, f"{seconds:.3f}", *way.words)
        answers = [Answer(worker.expect("done"), seconds) for worker in workers]
        after = self._sample(way, workers)
        turn.add(answers)
        turn.requests += after[0] - before[0]
        turn.writes += after[1] - before[1]
        turn.cpu_s += after[2] - before[2]
        turn.server_cpu_s += after[3] - before[3]
        self.peaks[way.id] = max([self.peaks.get(way.id, 0)] + [w.peak_mb() for w in workers])

    def round(self, shape, seconds):
        """One round: a Turn for each way."""
        turns = [Turn(way) for way in shape.ways]
        for _ in range(shape.slices):
            # Another one is first each time, and after another one: what a way leaves behind hits all alike.
            self.first += 1
            for turn in rotated(turns, self.first):
                self.slice(shape, turn.way, turn, seconds / shape.slices)
        return turns

    def warm_up(self, shape):
        """What is not measured: longer for a Java, whose compiler works meanwhile."""
        turns = []
        for way in shape.ways:
            turns.append(Turn(way))
            java = way.program == "curator"
            self.slice(shape, way, turns[-1], self.settings.warm_up if java else self.settings.seconds / 3)
        return turns

    def check_total(self, shape, way, expected):
        path = self.path(shape, way)
        if way.program == "redis":
            found = self.sites[way.site].programs.redis.get(path)
        else:
            found = self.sites[way.site].znodes.total(way, path)
        check_total(f"{shape.id}, {way.title}", expected, found)
        return {"expected": expected, "found": found}

    def make(self, shape):
        self.peaks = {}
        for way in shape.ways:
            self.sites[way.site].znodes.make(way, self.path(shape, way))

    def only_warm_up(self, shape):
        """For shapes whose own warm-up is short."""
        self.make(shape)
        self.warm_up(shape)
        self.leave(shape)

    def shape(self, shape):
        """Measure a shape: its results, as they are written."""
        self.make(shape)
        all_turns = [self.warm_up(shape)]
        for number in range(self.settings.rounds):
            self.say(f"{shape.title}: round {number + 1} of {self.settings.rounds}")
            all_turns.append(self.round(shape, self.settings.seconds))
        ways = []
        for i, way in enumerate(shape.ways):
            result = describe(way)
            result["rounds"] = [turns[i].figures() for turns in all_turns[1:]]
            if way.program != "redis":  # whose worker only waits for another program
                result["memory_mb"] = round(self.peaks[way.id], 1)
            if way.sums:
                result["total"] = self.check_total(shape, way, sum(turns[i].count for turns in all_turns))
            ways.append(result)
        self.leave(shape)
        return {**describe_shape(shape), "ways": ways}

    def leave(self, shape):
        """Have the workers forget what they keep for a shape. Its znodes go with the servers."""
        for way in shape.ways:
            if way.program != "redis":
                for worker in self._workers(way):
                    worker.ask("drop", self.path(shape, way))
        for site in self.sites:
            site.programs.end_several()


def describe(way):
    return {
        "id": way.id, "program": way.program, "title": way.title, "setting": way.setting,
        "processes": way.processes, "threads": way.threads,
    }  # fmt: skip


def describe_shape(shape):
    return {
        "id": shape.id, "group": shape.group, "title": shape.title, "figure": shape.figure,
        "unit": shape.unit, "better": shape.better, "note": shape.note,
    }  # fmt: skip
