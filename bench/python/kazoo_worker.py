"""Kazoo's recipes, to be told by another program what to do:

    /usr/bin/python3 kazoo_worker.py SERVERS

says "ready" once it is connected, and then takes commands, one a line:

    run KIND PATH THREADS SECONDS [NAME=VALUE ...]
        operations in so many threads for so long; answered by "done COUNT FAILED
        SECONDS NAME=VALUE ..." (see crew.run)
    add add PATH N [NAME=VALUE ...]
        N increments by one thread; FAILED are those that reported an error;
        answered by "done N FAILED"
    drop PATH
        forget what is kept for PATH; answered by "done"

KIND is `add` or `get` of a Counter, `lock` (Lock), `lock-shared` (ReadLock),
`semaphore` (Semaphore), or `lock-pass`. Each thread has its own object of Kazoo's,
as these are not for several. That more hold at once than may is unexpected.
Options:

    counters=N         by turns PATH/0 to PATH/N-1, each thread starting at another one
    delay=, backoff=, max_delay=, jitter=
                       how an add that was in vain is tried again, without end, as
                       KazooRetry has them: seconds, what they grow by, seconds at
                       most, and the part of them that is left to chance; by default
                       as most adds succeed when many threads contend
    session=one|each   one session for all threads, or each its own
    leases=N           of a semaphore
    pause_ms=N         how long one keeps the lock that is to be passed on

Ends with its input; exit status 1 for anything unexpected.
"""

import logging
import sys
import time

import crew
from kazoo.client import KazooClient
from kazoo.exceptions import KazooException
from kazoo.recipe.counter import Counter
from kazoo.recipe.lock import Lock, ReadLock, Semaphore
from kazoo.retry import KazooRetry


class Retrying:
    """A client with its own way of trying again, for a recipe."""

    def __init__(self, client, retry):
        self._client = client
        self._retry = retry

    def __getattr__(self, name):
        return getattr(self._client, name)

    def retry(self, *args, **kwargs):
        return self._retry.copy()(*args, **kwargs)


class Sessions:
    """Sessions by number, each made when it is first asked for; they stay."""

    def __init__(self, servers):
        self._servers = servers
        self._clients = []

    def get(self, number):
        while len(self._clients) <= number:
            client = KazooClient(self._servers, command_retry=KazooRetry(max_tries=-1))
            client.start(timeout=60)
            self._clients.append(client)
        return self._clients[number]

    def close(self):
        for client in self._clients:
            client.stop()
            client.close()


class Counters:
    """Counters of one session."""

    def __init__(self, client):
        self._client = client
        self._kept = {}

    def _counters(self, path, thread, options):
        retry = KazooRetry(
            max_tries=-1,
            delay=options.number("delay", 0.05),
            backoff=options.number("backoff", 2),
            max_delay=options.number("max_delay", 2),
            max_jitter=options.number("jitter", 1),
        )
        count = int(options.number("counters", 1))
        client = Retrying(self._client, retry)
        kept = self._kept.setdefault(path, {}).setdefault((thread, count), {})

        def counter(number):
            if number not in kept:
                kept[number] = Counter(client, path if count == 1 else "%s/%d" % (path, number))
            kept[number].client = client
            return kept[number]

        return count, counter

    def _by_turns(self, path, threads, options, use):
        def operation(thread):
            count, counter = self._counters(path, thread, options)
            number = thread * count // threads

            def perform():
                nonlocal number
                use(counter(number))
                number = (number + 1) % count

            return perform

        return [operation(thread) for thread in range(threads)]

    def adds(self, path, threads, options):
        return self._by_turns(path, threads, options, lambda counter: counter.__add__(1))

    def gets(self, path, threads, options):
        return self._by_turns(path, threads, options, lambda counter: counter.value)

    def add(self, path, times, options):
        """So many adds; none that reports an error is tried again here."""
        _, counter = self._counters(path, 0, options)
        failed = 0
        for _ in range(times):
            try:
                counter(0).__add__(1)
            except KazooException:
                failed += 1
        return "done %d %d" % (times, failed)

    def drop(self, path):
        self._kept.pop(path, None)


class Locks:
    """Locks and semaphores, of one session or of several."""

    def __init__(self, sessions):
        self._sessions = sessions

    def _make(self, kind, session, path, leases):
        client = self._sessions.get(session)
        if kind == "semaphore":
            return Semaphore(client, path, max_leases=leases)
        return {"lock": Lock, "lock-shared": ReadLock}[kind](client, path)

    def turns(self, kind, path, threads, options):
        apart = options.text("session", "one") == "each"
        leases = int(options.number("leases", 1))
        holders = crew.Holders({"lock": 1, "semaphore": leases}.get(kind, threads))

        def operation(thread):
            lock = self._make(kind, thread if apart else 0, path, leases)

            def perform():
                lock.acquire()
                holders.enter()
                holders.leave()
                lock.release()

            return perform

        return [operation(thread) for thread in range(threads)]

    def hand_over(self, path, threads, seconds, options):
        """A lock passed between threads with a session each: "done COUNT 0 SECONDS p50_us=...".

        How often it passed from one to the other, and the time that took in all,
        from where it is released to where the other one has it.
        """
        pause = options.number("pause_ms", 0) / 1e3
        holders = crew.Holders(1)
        waited = []
        last = released = None

        def operation(thread):
            lock = self._make("lock", thread, path, 1)

            def perform():
                nonlocal last, released
                lock.acquire()
                now = time.perf_counter_ns()
                holders.enter()
                if last not in (None, thread):
                    waited.append(now - released)
                last = thread
                if pause > 0:
                    time.sleep(pause)
                released = time.perf_counter_ns()
                holders.leave()
                lock.release()
                if pause > 0:
                    time.sleep(pause / 2)  # let the other have the servers for itself

            return perform

        crew.run([operation(thread) for thread in range(threads)], seconds)
        return "done %d 0 %.6f%s" % (len(waited), sum(waited) / 1e9, crew.quantiles(waited))


class Worker:
    def __init__(self, servers):
        self.sessions = Sessions(servers)
        self._counters = Counters(self.sessions.get(0))
        self._locks = Locks(self.sessions)

    def run(self, options, kind, path, threads, seconds):
        threads, seconds = int(threads), float(seconds)
        if kind == "lock-pass":
            return self._locks.hand_over(path, threads, seconds, options)
        if kind == "add":
            operations = self._counters.adds(path, threads, options)
        elif kind == "get":
            operations = self._counters.gets(path, threads, options)
        else:
            operations = self._locks.turns(kind, path, threads, options)
        return crew.run(operations, seconds)

    def add(self, options, kind, path, times):
        if kind != "add":
            raise ValueError(kind)
        return self._counters.add(path, int(times), options)

    def drop(self, options, path):
        self._counters.drop(path)
        return "done"


def main(servers):
    logging.basicConfig(level=logging.ERROR)
    worker = Worker(servers)
    crew.serve({"run": worker.run, "add": worker.add, "drop": worker.drop})
    worker.sessions.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
