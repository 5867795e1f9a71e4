"""What was measured, and where: for the results."""

import os
import subprocess
from datetime import datetime, timezone
from pathlib import Path

PACKAGES = (
    "zookeeper", "libzookeeper-mt2", "libcurator-recipes-java", "default-jre-headless", "openjdk-17-jre-headless",
    "python3", "python3-kazoo", "redis-server", "etcd-server", "etcd-client", "util-linux", "gcc",
)  # fmt: skip


def run(*argv):
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()


def after_colon(path, name):
    """What a file of /proc says after a name and a colon."""
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def versions():
    """The Debian packages that are there, by name."""
    found = run("dpkg-query", "-W", "-f=${Package} ${Version}\n", *PACKAGES)
    return dict(line.split() for line in found.splitlines() if len(line.split()) == 2)


def where_data_are(directory):
    kind = run("stat", "-f", "-c", "%T", directory)
    return "in memory (tmpfs)" if kind == "tmpfs" else f"on a disk ({kind})"


def describe(command, build):
    """The head of the results: when and what is about to be measured."""
    top = str(Path(__file__).parent.parent)
    changed = run("git", "-C", top, "status", "--porcelain", "--untracked-files=no", "--", ".", ":!bench/results", ":!docs")
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "command": command,
        "corral": {
            "version": run(str(build / "corral"), "--version").split()[-1],
            "revision": run("git", "-C", top, "rev-parse", "--short", "HEAD") + (" and changes" if changed else ""),
        },
        "machine": {
            "cpu": after_colon("/proc/cpuinfo", "model name"),
            "cores": os.cpu_count(),
            "memory_mb": int(after_colon("/proc/meminfo", "MemTotal").split()[0]) // 1024,
            "kernel": os.uname().release,
            "data": where_data_are(os.environ["TMPDIR"]),
        },
        "versions": versions(),
    }
