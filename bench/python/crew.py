"""What the workers of Python share: commands, options, and threads that do something for so long."""

import math
import os
import sys
import threading
import time
import traceback


class Options:
    """The NAME=VALUE of a command, which each way of doing it takes its own from."""

    def __init__(self, words):
        self._values = dict(word.split("=", 1) for word in words)
        self._unknown = set(self._values)

    def text(self, name, otherwise):
        self._unknown.discard(name)
        return self._values.get(name, otherwise)

    def number(self, name, otherwise):
        return float(self.text(name, otherwise))

    def end(self):
        """All have been taken: one that means nothing must not pass as the default."""
        if self._unknown:
            raise ValueError("unknown: %s" % self._unknown)


def serve(commands):
    """Say "ready", and answer the commands of the input until it ends.

    Each of @commands, which are by name, is called with its options and its other
    words, and returns its answer.
    """
    print("ready", flush=True)
    for line in sys.stdin:
        name, *words = line.split()
        options = Options(word for word in words if "=" in word)
        answer = commands[name](options, *(word for word in words if "=" not in word))
        options.end()
        print(answer, flush=True)


class Holders:
    """How many hold something at once."""

    def __init__(self, most):
        self._mutex = threading.Lock()
        self._most = most
        self._count = 0

    def enter(self):
        with self._mutex:
            self._count += 1
            if self._count > self._most:
                raise RuntimeError("more than %d hold at once" % self._most)

    def leave(self):
        with self._mutex:
            self._count -= 1


def quantiles(nanoseconds):
    """" p50_us=... p99_us=... p999_us=..."; nothing if there are none."""
    ordered = sorted(nanoseconds)
    if not ordered:
        return ""

    def quantile(part):
        return ordered[math.ceil(part * len(ordered)) - 1] / 1e3

    return " p50_us=%.3f p99_us=%.3f p999_us=%.3f" % (quantile(0.5), quantile(0.99), quantile(0.999))


def run(operations, seconds):
    """Each in a thread of its own, again and again, for so long.

    Returns "done COUNT 0 SECONDS late=... least=... most=... p50_us=... p99_us=...
    p999_us=...": how many there were, least and most of one thread, and how long
    one took. SECONDS are until the last one has ended. Late are those that ended
    when the time was over; without these the rate is not that of threads that pause
    between tries when others have gone. An exception is unexpected, and ends the
    process.
    """
    latencies = [[] for _ in operations]
    late = []
    start = time.perf_counter_ns()
    end = start + int(seconds * 1e9)

    def work(operation, took):
        try:
            now = time.perf_counter_ns()
            while now < end:
                before = now
                operation()
                now = time.perf_counter_ns()
                took.append(now - before)
            if took and now > end:
                late.append(operation)
        except BaseException:
            traceback.print_exc()
            os._exit(1)

    threads = [threading.Thread(target=work, args=pair) for pair in zip(operations, latencies)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = (time.perf_counter_ns() - start) / 1e9
    counts = [len(each) for each in latencies]
    return "done %d 0 %.6f late=%d least=%d most=%d%s" % (
        sum(counts), took, len(late), min(counts), max(counts), quantiles(sum(latencies, [])))
