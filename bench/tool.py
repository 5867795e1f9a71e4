"""The command line, from start to exit, beside those of others."""

from statistics import median

from rounds import check_total, describe, describe_shape, rotated
from shapes import Shape, Way, counting

# So often each command is run, by turns, in a round.
TIMES = 20


def command(id, program, title, *argv):
    return Way(id, program, title, command=argv)


def shapes(tool, servers, redis_port, etcd, file):
    """Those with servers that serve."""
    own = (tool, "--servers", servers)
    return (
        Shape(
            "tool-add", "tool", "Command line: add 1 to a counter, start to exit",
            (
                command("true", "bare", "true (nothing but a start and an exit)", "true"),
                command("corral", "corral", "corral counter add", *own, "counter", "add", "/bench/tool/counter"),
                command("redis", "redis", "redis-cli incr", "redis-cli", "-p", redis_port, "incr", "tool"),
            ),
            figure="p50_us",
        ),
        Shape(
            "tool-lock", "tool", "Command line: run a command under a lock, start to exit",
            (
                command("corral", "corral", "corral lock P -- true", *own, "lock", "/bench/tool/lock", "--", "true"),
                command("etcd", "etcd", "etcdctl lock P true", "etcdctl", "--endpoints", etcd, "lock", "bench", "true"),
                command("flock", "flock", "flock F true (this machine only)", "flock", file, "true"),
            ),
            figure="p50_us",
        ),
    )  # fmt: skip


def measure(worker, shape, settings, say):
    """Results of a shape, like those of rounds.Measurer. @worker starts the commands, one at a time."""
    rounds = []
    for number in range(-1, settings.rounds):
        if number >= 0:
            say(f"{shape.title}: round {number + 1} of {settings.rounds}")
        times = [[] for _ in shape.ways]
        for time in range(TIMES):
            for way, took in rotated([*zip(shape.ways, times)], time):
                took.append(float(worker.ask("spawn", 1, *way.command)[2]))
        rounds.append([{"count": TIMES, "seconds": sum(took), "p50_us": median(took) * 1e6} for took in times])
    ways = [{**describe(way), "rounds": [r[i] for r in rounds[1:]]} for i, way in enumerate(shape.ways)]
    return {**describe_shape(shape), "ways": ways}


def check_totals(shapes, znodes, redis):
    """Each add of 1, of the rounds that were measured and of the one that was not, must be there."""
    adds = next(shape for shape in shapes if shape["id"] == "tool-add")
    expected = TIMES * (1 + len(adds["ways"][0]["rounds"]))
    check_total("corral counter add", expected, znodes.total(counting("corral"), "/bench/tool/counter"))
    check_total("redis-cli incr", expected, redis.get("tool"))
