"""What is measured: the shapes, the ways of each, and the ratios that are told first."""

from dataclasses import dataclass, field

# How Curator's counters wait between tries: as short as its policies can, so that most adds collide; or so
# long that they hardly do, of which the most succeed, mostly those of a thread that has just succeeded. And
# its kind that takes a lock when a try was in vain. Found by trying: the best for many threads.
EAGER = {"first_ms": 1, "most_ms": 1, "retries": 29}
PATIENT = {"first_ms": 100, "most_ms": 100, "retries": 100000}
PROMOTED = {"first_ms": 10, "most_ms": 20, "retries": 1, "promote": "yes", "mutex": "each"}
KAZOO = {"delay": 0.05, "max_delay": 2, "jitter": 1}

# The number 0, as counters have it.
DECIMAL = b"0"
BINARY = bytes(8)


@dataclass(frozen=True)
class Way:
    """One program doing it. @kind and @options are for the worker: bench/worker.c."""

    id: str
    program: str
    title: str
    kind: str = ""
    threads: int = 1
    processes: int = 1
    options: dict = field(default_factory=dict)
    setting: str = ""
    data: bytes = None  # what its znodes are made with; None: it makes them itself
    sums: bool = False  # the number that they hold must be the count of all that succeeded
    site: int = 0  # which of the ensembles, where there are several
    command: tuple = ()  # of a command line, instead of all that

    @property
    def words(self):
        """The options as the worker is told them."""
        return [f"{name}={value}" for name, value in self.options.items()]


@dataclass(frozen=True)
class Shape:
    id: str
    group: str
    title: str
    ways: tuple
    figure: str = "rate"  # or p50_us
    slices: int = 1  # into which a round is cut, so that what disturbs one way disturbs all
    note: str = ""

    @property
    def unit(self):
        return "/s" if self.figure == "rate" else "us"

    @property
    def better(self):
        return "more" if self.figure == "rate" else "less"

    def way(self, id):
        return next(way for way in self.ways if way.id == id)


@dataclass(frozen=True)
class Ratio:
    """Of the figures of two ways of a shape, or how much of something one way takes.

    Over 1 is good for the way @over, unless the target says "at most". With several in @under it is the best
    of them in each round.
    """

    id: str  # SHAPE/NAME
    title: str
    under: tuple = ()
    over: str = "corral"
    figure: str = ""  # instead of the shape's
    inverse: bool = False  # how many times as long it takes

    @property
    def shape(self):
        return self.id.partition("/")[0]


# --- counters ---


def counting(who, threads=1, processes=1, title=None, id=None, site=0, **options):
    """A way of adding 1."""
    known = {
        "bare": ("bare-set", "bare zoo_set2 loop", {}, ""),
        "tuned": ("tuned-set", "the same, hosts not looked up", {}, ""),
        "corral": ("add", "Corral", {}, ""),
        "curator": ("add", "Curator, patient", PATIENT, "tries again every 100 ms"),
        "curator-eager": ("add", "Curator, eager", EAGER, "tries again every 1 ms, 29 times"),
        "curator-promoted": ("add", "Curator, promoted to a lock", PROMOTED, "tries once, then takes a mutex of each thread"),
        "kazoo": ("add", "Kazoo", KAZOO, "tries again after 50 ms to 2 s, at random"),
    }
    kind, name, own, setting = known[who]
    program = "bare" if who == "tuned" else who.partition("-")[0]
    return Way(
        id or who, program, title or name, kind, threads, processes, {**own, **options},
        setting=setting, data=BINARY if program == "curator" else DECIMAL,
        sums=True, site=site,
    )  # fmt: skip


def redis(id, title, kind="incr", threads=1, pipeline=1):
    return Way(id, "redis", title, kind, threads, 1, {"pipeline": pipeline}, sums=kind == "incr")


def threads_shape(threads):
    return Shape(
        f"counter-{threads}", "counter", f"Counter, {threads} threads of one process, blocking",
        (
            counting("corral", threads),
            counting("curator-eager", threads),
            counting("curator", threads),
            counting("curator-promoted", threads),
            counting("kazoo", threads),
            redis("redis", f"Redis INCR, {threads} connections", threads=threads),
        ),
    )  # fmt: skip


def processes_shape(processes):
    return Shape(
        f"counter-{processes}x4", "counter", f"Counter, {processes} process{'es' if processes > 1 else ''} of 4 threads",
        (
            counting("corral", 4, processes),
            counting("curator-eager", 4, processes),
            counting("curator", 4, processes),
            counting("kazoo", 4, processes),
        ),
    )  # fmt: skip


def asynchronous_shape(outstanding, connections, pipeline):
    bare = Way(
        "bare", "bare", "bare zoo_aset, each a request", "bare-set", options={"outstanding": outstanding}, data=DECIMAL
    )
    return Shape(
        f"counter-async-{outstanding}", "counter", f"Counter, {outstanding:,} asynchronous adds outstanding",
        (
            counting("corral", outstanding=outstanding),
            bare,
            redis("redis", f"Redis INCR, {connections} connections, pipeline {pipeline}", threads=connections,
                  pipeline=pipeline),
        ),
    )  # fmt: skip


def getting(program, title, kind="get", **options):
    return Way(program, program, title, kind, options=options, data=BINARY if program == "curator" else DECIMAL)


ROBIN = 1000

COUNTERS = (
    Shape(
        "counter-1", "counter", "Counter, 1 thread, blocking",
        (
            counting("bare"), counting("tuned"), counting("corral"), counting("curator-eager", id="curator"),
            counting("kazoo"), redis("redis", "Redis INCR, 1 connection"),
        ),
        slices=10,
    ),
    Shape(
        "counter-latency", "counter", "Counter, how long an add takes, 1 thread",
        (counting("bare"), counting("corral"), counting("curator-eager", id="curator"), counting("kazoo")),
        figure="p50_us",
    ),
    threads_shape(8),
    threads_shape(64),
    processes_shape(1),
    processes_shape(4),
    processes_shape(16),
    asynchronous_shape(1, 1, 1),
    asynchronous_shape(100, 1, 100),
    asynchronous_shape(10000, 50, 100),
    Shape(
        "counter-get", "counter", "Counter, read by 1 thread",
        (
            getting("bare", "bare zoo_get loop", "bare-get"), getting("corral", "Corral"),
            getting("curator", "Curator"), getting("kazoo", "Kazoo"),
            redis("redis", "Redis GET, 1 connection", kind="get"),
        ),
        slices=10,
    ),
    Shape(
        "counter-robin", "counter", f"{ROBIN:,} counters by turns, 1 thread",
        (
            counting("bare", counters=ROBIN), counting("corral", counters=ROBIN),
            counting("curator-eager", id="curator", counters=ROBIN), counting("kazoo", counters=ROBIN),
        ),
        slices=10,
    ),
)  # fmt: skip

# Measured apart, as it takes two ensembles.
NODES = Shape(
    "counter-nodes", "counter", "Counter, 10,000 asynchronous adds outstanding, 1 and 3 nodes",
    (
        counting("corral", id="nodes-1", title="Corral, 1 node", outstanding=10000),
        counting("corral", id="nodes-3", title="Corral, 3 nodes", site=1, outstanding=10000),
    ),
    slices=4,
)  # fmt: skip


# --- locks ---


def locking(program, title, threads=1, kind="lock", id=None, **options):
    known = {"session": "a session each", "pause_ms": "held for 2 ms", "leases": "4 leases"}
    setting = ", ".join(known[name] for name in options if name in known)
    return Way(id or program, program, title, kind, threads, 1, options, setting, b"")


def sessions_shape(sessions):
    ways = [locking(who, title, sessions, session="each") for who, title in PEOPLE]
    return Shape(
        f"lock-{sessions}-sessions", "lock", f"Lock, {sessions} sessions", tuple(ways),
        slices=4,
    )  # fmt: skip


def lock_threads_shape(threads):
    return Shape(
        f"lock-{threads}", "lock", f"Lock, {threads} threads of one process",
        (
            locking("corral", "Corral, one handle", threads),
            locking("curator", "Curator, one mutex", threads, id="curator-shared", mutex="one"),
            locking("curator", "Curator, a mutex each", threads, id="curator-own", mutex="each"),
            locking("kazoo", "Kazoo, a lock each", threads),
        ),
    )  # fmt: skip


PEOPLE = (("corral", "Corral"), ("curator", "Curator"), ("kazoo", "Kazoo"))

LOCKS = (
    Shape(
        "lock-1", "lock", "Lock, uncontended: acquire and release",
        (
            locking("bare", "bare create + delete", kind="bare-lock"),
            locking("bare", "the same, deletion not awaited", kind="ahead-lock", id="ahead"),
            *(locking(who, title) for who, title in PEOPLE),
        ),
        slices=10,
    ),
    lock_threads_shape(8),
    lock_threads_shape(64),
    sessions_shape(2),
    sessions_shape(8),
    sessions_shape(32),
    Shape(
        "lock-pass", "lock", "Lock, from release to acquisition by another session, each holding it for 2 ms",
        (
            locking("bare", "bare delete to event", 2, "bare-pass", pause_ms=2),
            *(locking(who, title, 2, "lock-pass", pause_ms=2) for who, title in PEOPLE),
        ),
        figure="p50_us", slices=10,
    ),
    Shape(
        "lock-shared", "lock", "Shared lock, 8 sessions that read",
        tuple(locking(who, title, 8, "lock-shared", session="each") for who, title in PEOPLE), slices=4,
    ),
    Shape(
        "semaphore", "lock", "Semaphore of 4 leases, 8 sessions",
        tuple(locking(who, title, 8, "semaphore", session="each", leases=4) for who, title in PEOPLE), slices=4,
    ),
)  # fmt: skip


# --- IDs ---


def drawing(kind, title, id=None, program="corral", threads=1, **options):
    return Way(id or program, program, title, kind, threads, 1, options)


IDS = (
    Shape(
        "id-block", "id", "IDs of kind BLOCK, 1 thread",
        (
            drawing("bare-fetch-add", "bare atomic_fetch_add", program="bare"),
            drawing("ids-block", "Corral BLOCK"),
            drawing("cached-long", "Curator CachedAtomicLong", program="curator", block=1000000),
            redis("redis", "Redis INCR, 50 connections, pipeline 100", threads=50, pipeline=100),
        ),
        slices=4,
    ),
    Shape(
        "id-sequence", "id", "IDs without gaps, in order: kind SEQUENCE",
        (
            drawing("ids-sequence", "Corral SEQUENCE, 1 thread", "one"),
            drawing("ids-sequence", "Corral SEQUENCE, 64 threads", "many", threads=64),
            drawing("ids-sequence", "Corral SEQUENCE, 10,000 outstanding", "async", outstanding=10000),
            redis("redis-1", "Redis INCR, 1 connection"),
            redis("redis-64", "Redis INCR, 64 connections", threads=64),
            redis("redis", "Redis INCR, 50 connections, pipeline 100", threads=50, pipeline=100),
        ),
        slices=4,
    ),
    Shape(
        "id-znode", "id", "IDs of kind ZNODE",
        (
            drawing("ids-znode", "Corral ZNODE, 1 thread", "one"),
            drawing("ids-znode", "Corral ZNODE, 1,000 outstanding", "async", outstanding=1000),
            redis("redis-1", "Redis INCR, 1 connection"),
        ),
        slices=4,
    ),
    Shape(
        "id-snowflake", "id", "IDs of kind SNOWFLAKE (4,096,000 a second at most, by their form)",
        (
            drawing("ids-snowflake", "Corral SNOWFLAKE, 1 thread"),
            redis("redis", "Redis INCR, 50 connections, pipeline 100", threads=50, pipeline=100),
        ),
        slices=4,
    ),
)  # fmt: skip


# --- ratios; their targets are in the file `targets` ---

CURATORS = ("curator-eager", "curator", "curator-promoted")

RATIOS = (
    Ratio("counter-1/bare", "counter, 1 thread / bare zoo_set2 loop", ("bare",)),
    Ratio("counter-1/tuned", "counter, 1 thread / the same, hosts not looked up", ("tuned",)),
    Ratio("counter-1/curator", "counter, 1 thread / Curator", ("curator",)),
    Ratio("counter-1/kazoo", "counter, 1 thread / Kazoo", ("kazoo",)),
    Ratio("counter-latency/bare", "counter, median of an add: bare zoo_set2 loop / Corral", ("bare",)),
    Ratio(
        "counter-latency/bare-p99", "counter, p99 of an add: bare zoo_set2 loop / Corral",
        ("bare",), figure="p99_us",
    ),
    Ratio(
        "counter-latency/curator-p99", "counter, p99 of an add: Curator / Corral",
        ("curator",), figure="p99_us",
    ),
    Ratio("counter-8/curator", "counter, 8 threads / Curator", CURATORS),
    Ratio("counter-64/curator", "counter, 64 threads / Curator, the best of its settings", CURATORS),
    Ratio("counter-64/curator-eager", "counter, 64 threads / Curator retrying eagerly", ("curator-eager",)),
    Ratio("counter-64/kazoo", "counter, 64 threads / Kazoo", ("kazoo",)),
    Ratio("counter-64/requests", "requests per add, 64 threads", figure="requests"),
    Ratio("counter-16x4/curator", "counter, 16 processes x 4 threads / Curator", CURATORS[:2]),
    Ratio(
        "counter-async-10000/redis", "counter, 10,000 outstanding / Redis INCR, 50 connections x pipeline 100",
        ("redis",),
    ),
    Ratio("counter-nodes/1", "counter, 10,000 outstanding, 3 nodes / 1 node", ("nodes-1",), over="nodes-3"),
    Ratio("counter-get/bare", "counter, read / bare zoo_get loop", ("bare",)),
    Ratio("lock-1/bare", "lock, uncontended / bare create + delete", ("bare",)),
    Ratio("lock-1/ahead", "lock, uncontended / the same, deletion not awaited", ("ahead",)),
    Ratio("lock-1/curator", "lock, uncontended / Curator", ("curator",)),
    Ratio("lock-1/kazoo", "lock, uncontended / Kazoo", ("kazoo",)),
    Ratio("lock-2-sessions/curator", "lock, 2 sessions / Curator", ("curator",)),
    Ratio("lock-8-sessions/curator", "lock, 8 sessions / Curator", ("curator",)),
    Ratio("lock-8-sessions/kazoo", "lock, 8 sessions / Kazoo", ("kazoo",)),
    Ratio("lock-8-sessions/fairness", "lock, 8 sessions: slowest session / fastest", figure="fairness"),
    Ratio("lock-32-sessions/curator", "lock, 32 sessions / Curator", ("curator",)),
    Ratio(
        "lock-64/curator", "lock, 64 threads / Curator, or the better of its two ways",
        ("curator-shared", "curator-own"),
    ),
    Ratio("lock-pass/bare", "lock, bare delete to event / release to acquisition", ("bare",)),
    Ratio("lock-pass/curator", "lock, Curator / release to acquisition", ("curator",)),
    Ratio("lock-shared/curator", "shared lock, 8 sessions / Curator", ("curator",)),
    Ratio("semaphore/curator", "semaphore, 8 sessions / Curator", ("curator",)),
    Ratio("id-block/redis", "BLOCK IDs / Redis INCR, pipelined", ("redis",)),
    Ratio(
        "id-sequence/redis", "SEQUENCE IDs, 10,000 outstanding / Redis INCR, pipelined",
        ("redis",), over="async",
    ),
    Ratio("watch-leisure/bare", "watch latency: bare re-arm loop / Corral", ("bare-loop",)),
    Ratio(
        "watch-leisure/curator", "watch latency: the best of Curator's / Corral",
        ("curator-cache", "curator-node", "curator-count"),
    ),
    Ratio("watch-leisure/kazoo", "watch latency: Kazoo's DataWatch / Corral", ("kazoo-data",)),
    Ratio(
        "watch-crowd/curator", "watch, 1,000 subscribers: the better of Curator's / Corral",
        ("curator-cache", "curator-count"),
    ),
    Ratio("watch-crowd/kazoo", "watch, 1,000 subscribers: Kazoo's DataWatch / Corral", ("kazoo-data",)),
    Ratio("tool-add/redis", "corral counter add, start to exit / redis-cli incr", ("redis",), inverse=True),
    Ratio("tool-lock/etcd", "corral lock P -- true, start to exit / etcdctl lock", ("etcd",), inverse=True),
)  # fmt: skip
