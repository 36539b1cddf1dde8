# SPDX-License-Identifier: Apache-2.0
"""Fetches the library, compiles its host against it, and tells how to start it."""

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from labkit import cache, maven, system
from labkit.errors import LabError

AUTOSCALER = "1.10.0"
# The library leaves Flink's client to its host. Any client of the 1.x line will do; it talks to 2.x too.
FLINK_CLIENTS = "1.20.1"
SLF4J_SIMPLE = "1.7.36"
PART = f"autoscaler-{AUTOSCALER}"
SOURCES = Path(__file__).resolve().parents[1] / "host"
MAIN = "dev.weirkeeper.peer.PeerHost"


def fetch():
    """Downloads the library and what it needs, if they are missing."""
    cache.root().mkdir(parents=True, exist_ok=True)
    wanted = [
        ("org.apache.flink", "flink-autoscaler", AUTOSCALER, True),
        ("org.apache.flink", "flink-clients", FLINK_CLIENTS, True),
        ("org.slf4j", "slf4j-simple", SLF4J_SIMPLE, True),
    ]
    system.require(maven=not cache.is_complete(PART))
    cache.install(PART, lambda folder: maven.copy(PART, wanted, folder))
    return cache.part(PART)


def build():
    """Fetches, and compiles at most once. Returns the class path."""
    jars = fetch()
    classes = cache.root() / "jars" / f"peer-{_digest()}"
    if not classes.is_dir():
        with cache.lock(f"jar-{classes.name}"):
            if not classes.is_dir():
                _compile(jars, classes)
    return f"{classes}:{jars}/*"


def command(url, interval_ms, options, heap=None):
    """The command line of a host that serves one Flink."""
    flags = ["-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
    # The library reads the text of plans through reflection.
    flags += ["--add-opens=java.base/java.lang=ALL-UNNAMED", "--add-opens=java.base/java.util=ALL-UNNAMED"]
    flags += [f"-Xmx{heap}"] if heap else []
    pairs = [f"{key}={value}" for key, value in options.items()]
    return [system.java(), *flags, "-cp", build(), MAIN, url, str(interval_ms), *pairs]


def _digest():
    digest = hashlib.sha256(PART.encode())
    for file in sorted(SOURCES.glob("*.java")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def _compile(jars, classes):
    system.require()
    classes.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".peer-", dir=classes.parent))
    try:
        call = [system.java("javac"), "-proc:none", "--release", "17", "-cp", f"{jars}/*", "-d", str(work / "out")]
        shown = subprocess.run([*call, *map(str, sorted(SOURCES.glob("*.java")))], capture_output=True, text=True, check=False)
        if shown.returncode != 0:
            raise LabError(f"the host does not compile against {PART}:\n{shown.stdout}{shown.stderr}")
        (work / "out").replace(classes)
    finally:
        shutil.rmtree(work, ignore_errors=True)
