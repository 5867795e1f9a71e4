"""The programs that do what is measured: workers, told by lines what to do.

A worker says "ready" when it is connected. Each command is one line and is
answered by one; bench/worker.c says which there are.
"""

import subprocess
import sys
from pathlib import Path

from servers import MORTAL, cpu_seconds

JAVA = "/usr/share/java/"
CURATOR_JARS = (
    "curator-recipes", "curator-framework", "curator-client", "zookeeper", "guava", "slf4j-simple"
)  # fmt: skip
# Among many JVMs on few cores those do best whose compiler and collector take little.
MANY_JVMS = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
PYTHON = (sys.executable, "-B")


def curator_classes():
    """Where Java finds Curator."""
    return ":".join(f"{JAVA}{jar}.jar" for jar in CURATOR_JARS)


def named(words):
    """The numbers of an answer that have names: NAME=VALUE."""
    return {name: float(value) for name, value in (word.split("=") for word in words)}


class WorkerError(Exception):
    pass


class Worker:
    """One process, which does not outlive us. Its standard error is ours."""

    def __init__(self, argv):
        self.argv = argv
        self.process = subprocess.Popen(
            [*MORTAL, *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def hear(self):
        line = self.process.stdout.readline()
        if not line:
            raise WorkerError(f"{' '.join(self.argv)}: ended with {self.process.wait()}")
        return line.split()

    def expect(self, word):
        """Hear a line that begins with @word, and return the rest of it."""
        words = self.hear()
        if words[0] != word:
            raise WorkerError(f"{' '.join(self.argv)}: said {words}, not {word}")
        return words[1:]

    def tell(self, *words):
        print(*words, file=self.process.stdin, flush=True)

    def ask(self, *words):
        """Tell it a command and return the words of its answer, without the first."""
        self.tell(*words)
        return self.expect("done")

    def forget_peak(self):
        """Let the peak of its memory be what it has now."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def peak_mb(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    def cpu_seconds(self):
        return cpu_seconds([self.process.pid])

    def stop(self):
        """Let it end. An error that it ends with is ours."""
        self.process.stdin.close()
        rest = self.process.stdout.read()
        if self.process.wait() != 0 or rest:
            raise WorkerError(f"{' '.join(self.argv)}: ended with {self.process.returncode}, saying {rest!r}")

    def kill(self):
        self.process.kill()
        self.process.wait()


class Programs:
    """The workers of all kinds against one set of servers, started when they are wanted.

    @zookeeper and @redis are of servers.py. @build is where the C programs are, @classes where the Java
    classes are.
    """

    def __init__(self, build, classes, zookeeper, redis):
        self.build = Path(build)
        self.classes = classes
        self.zookeeper = zookeeper
        self.redis = redis
        self.workers = {}

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        workers = list(self.workers.values())
        self.workers.clear()
        for worker in workers:
            if kind is None:
                worker.stop()
            else:
                worker.kill()

    def argv(self, program, servers, many=False):
        here = Path(__file__).parent
        if program == "corral":
            return [str(self.build / "bench/worker"), servers]
        if program == "curator":
            return [
                "java", *(MANY_JVMS if many else ()), "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp",
                f"{curator_classes()}:{self.classes}", "CuratorWorker", servers,
            ]  # fmt: skip
        if program == "kazoo":
            return [*PYTHON, str(here / "python/kazoo_worker.py"), servers]
        if program == "redis":
            return [*PYTHON, str(here / "python/redis_worker.py"), str(self.redis.port)]
        raise ValueError(program)

    def start(self, program, servers):
        """One more worker, which is the caller's."""
        worker = Worker(self.argv(program, servers))
        worker.expect("ready")
        return worker

    def get(self, program, count=1):
        """A program's workers: the one that stays, or several for now. The bare loops are run by Corral's."""
        program = "corral" if program == "bare" else program
        keys = [(program, count > 1, i) for i in range(count)]
        missing = [key for key in keys if key not in self.workers]
        # All of them first: they get ready at the same time.
        for key in missing:
            self.workers[key] = Worker(self.argv(program, self.zookeeper.servers, many=count > 1))
        for key in missing:
            self.workers[key].expect("ready")
        return [self.workers[key] for key in keys]

    def end_several(self):
        """End those that are there only for now."""
        for key in [key for key in self.workers if key[1]]:
            self.workers.pop(key).stop()
