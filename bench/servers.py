"""The servers that are measured: ZooKeeper, Redis and etcd, on the loopback.

All are context managers: started and serving inside, gone afterwards, also if
this process is killed.
"""

import os
import re
import socket
import subprocess
import time
from pathlib import Path

PATIENCE_S = 60
# Before a command: it does not outlive us.
MORTAL = ("setpriv", "--pdeathsig", "KILL")


class ServerError(Exception):
    pass


def free_port():
    """A port of the loopback that nobody uses at the moment."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def processes_below(pid):
    """The pids of the children of @pid, and of theirs."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            found += [child, *processes_below(child)]
    return found


def cpu_seconds(pids):
    """What processes, and those that they have waited for, have had of the CPU."""
    ticks = 0
    for pid in pids:
        # After the name, which may hold anything: state, ppid, ...; utime, stime, cutime, cstime are the
        # fields 14 to 17 of proc(5).
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


class ZooKeeper:
    """An ensemble by `corral dev`, whose writes wait for the disk; its data are below $TMPDIR."""

    def __init__(self, corral, nodes=1):
        self.corral = corral
        self.nodes = nodes

    def __enter__(self):
        # It ends with its command, and that with its input.
        self.process = subprocess.Popen(
            [self.corral, "dev", "--disk", "--nodes", str(self.nodes), "--"]
            + ["sh", "-c", 'echo "$CORRAL_SERVERS"; exec cat'],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.servers = self.process.stdout.readline().strip()
        if not self.servers:
            raise ServerError(f"corral dev ended with {self.process.wait()}")
        self.pids = processes_below(self.process.pid)
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

    def _ask(self, server, word):
        host, port = server.split(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as s:
            s.sendall(word)
            answer = b""
            while part := s.recv(65536):
                answer += part
        return answer.decode()

    def counts(self):
        """How many requests clients have sent, and how many transactions there have been."""
        requests = 0
        transactions = 0
        for server in self.servers.split(","):
            answer = self._ask(server, b"srvr")
            requests += int(re.search(r"^Received: (\d+)", answer, re.M)[1])
            # The lower half counts within an epoch of the ensemble, which lasts as long as its leader.
            transactions = max(transactions, int(re.search(r"^Zxid: (0x[0-9a-f]+)", answer, re.M)[1], 16))
        return requests, transactions & 0xFFFFFFFF


class Redis:
    """A Redis that keeps nothing on the disk."""

    def __enter__(self):
        self.port = free_port()
        self.process = subprocess.Popen(
            [*MORTAL, "redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
            + ["--appendonly", "no"],
            stdout=subprocess.DEVNULL,
        )
        self.pids = [self.process.pid]
        await_port(self.process, self.port)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def get(self, key):
        """The number that is kept for @key."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S) as s:
            s.sendall(f"GET {key}\r\n".encode())
            with s.makefile() as answer:
                length = answer.readline()
                if not length.startswith("$") or length.startswith("$-"):
                    raise ServerError(f"redis: no {key}: {length}")
                return int(answer.readline())


class Etcd:
    """One etcd, its data below @directory."""

    def __init__(self, directory):
        self.directory = Path(directory) / "etcd"

    def __enter__(self):
        port, peer_port = free_port(), free_port()
        self.endpoint = f"http://127.0.0.1:{port}"
        peers = f"http://127.0.0.1:{peer_port}"
        with open(f"{self.directory}.log", "w") as log:
            self.process = subprocess.Popen(
                [*MORTAL, "etcd", "--data-dir", str(self.directory), "--listen-client-urls", self.endpoint]
                + ["--advertise-client-urls", self.endpoint, "--listen-peer-urls", peers]
                + ["--initial-advertise-peer-urls", peers, "--initial-cluster", f"default={peers}"],
                stdout=log,
                stderr=log,
            )
        self.pids = [self.process.pid]
        await_port(self.process, port)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def await_port(process, port):
    """Wait until somebody listens at @port, as @process shall."""
    deadline = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise ServerError(f"{process.args[0]} does not serve: exit status {process.poll()}")
