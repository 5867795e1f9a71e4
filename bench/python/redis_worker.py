"""Redis' own load generator, to be told by another program what to do:

    /usr/bin/python3 redis_worker.py PORT

says "ready" once the server at that port of this machine answers, and then takes
commands, one a line:

    run KIND PATH THREADS SECONDS [pipeline=N]
        INCR or GET of the key PATH (KIND is `incr` or `get`) by redis-benchmark, by so
        many connections, each with N requests under way (1 by default); answered by
        "done COUNT 0 SECONDS p50_us=... p99_us=..."
    drop PATH
        nothing is kept; answered by "done"

redis-benchmark is told how many requests to send, not for how long: what one run
has shown of a setting tells how many take about SECONDS in the next; before the
first one it is tried for a moment, with another key. SECONDS are what
redis-benchmark says it took. Its latencies are those of whole pipelines. Ends with
its input; exit status 1 for anything unexpected.
"""

import csv
import subprocess
import sys

import crew

TRIAL_REQUESTS = 20000


def call(*command):
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="ascii")
    return done.stdout


class Generator:
    def __init__(self, port):
        self._port = port
        self._rates = {}

    def wait(self):
        if call("redis-cli", "-p", self._port, "ping").strip() != "PONG":
            raise RuntimeError("no server at port %s" % self._port)

    def _send(self, kind, key, connections, pipeline, count):
        """Returns how many were sent, and what redis-benchmark says of them."""
        at_once = connections * pipeline
        count = (count + at_once - 1) // at_once * at_once  # each connection sends whole pipelines only
        output = call("redis-benchmark", "-p", self._port, "-c", str(connections), "-P", str(pipeline),
                      "-n", str(count), "--csv", "--precision", "3", kind, key)
        (row,) = csv.DictReader(output.splitlines())
        return count, row

    def run(self, options, kind, key, connections, seconds):
        if kind not in ("incr", "get"):
            raise ValueError(kind)
        connections, pipeline = int(connections), int(options.number("pipeline", 1))
        setting = kind, connections, pipeline
        if setting not in self._rates:
            _, row = self._send(kind, key + ":trial", connections, pipeline, TRIAL_REQUESTS)
            self._rates[setting] = float(row["rps"])
        # Its clock counts milliseconds: a shorter time would say little, or nothing.
        count = int(self._rates[setting] * max(float(seconds), 0.05))
        count, row = self._send(kind, key, connections, pipeline, count)
        rate = self._rates[setting] = float(row["rps"])
        return "done %d 0 %.6f p50_us=%.3f p99_us=%.3f" % (
            count, count / rate, float(row["p50_latency_ms"]) * 1e3, float(row["p99_latency_ms"]) * 1e3)


def drop(options, path):
    return "done"


def main(port):
    generator = Generator(port)
    generator.wait()
    crew.serve({"run": generator.run, "drop": drop})


if __name__ == "__main__":
    main(*sys.argv[1:])
