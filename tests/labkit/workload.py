# SPDX-License-Identifier: Apache-2.0
"""Builds the workload's jar against a cluster's own Flink, and keeps it in the cache."""

import hashlib
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

from . import cache, fetch_flink, fetch_kafka, system
from .errors import LabError

SOURCES = Path(__file__).resolve().parent.parent / "workload"
MAIN = "dev.weirkeeper.lab.LabJob"


def jar(flink, kafka=False):
    """The job's jar, with the connector inside where Kafka is wanted. Builds it at most once."""
    libraries = fetch_kafka.connector_jars(flink) if kafka else []
    sources = _sources(kafka)
    kind = "kafka" if kafka else "plain"
    target = cache.root() / "jars" / f"lab-{flink.version}-{kind}-{_digest(sources)}.jar"
    if not target.is_file():
        with cache.lock(f"jar-{target.stem}"):
            if not target.is_file():
                _build(flink, sources, libraries, target)
    return target


def flink_jar(flink):
    return next((fetch_flink.home(flink) / "lib").glob("flink-dist-*.jar"))


def _sources(kafka):
    folders = [SOURCES / "core"] + ([SOURCES / "kafka"] if kafka else [])
    return sorted(file for folder in folders for file in folder.rglob("*.java"))


def _digest(sources):
    digest = hashlib.sha256()
    for file in sources:
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def _build(flink, sources, libraries, target):
    system.require()
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".build-", dir=target.parent))
    try:
        _compile(flink, sources, libraries, work / "classes")
        _pack(work / "classes", libraries, work / target.name)
        (work / target.name).replace(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _compile(flink, sources, libraries, classes):
    classpath = ":".join(str(path) for path in [flink_jar(flink), *libraries])
    command = [system.java("javac"), "-proc:none", "--release", "17", "-nowarn", "-cp", classpath, "-d", str(classes)]
    shown = subprocess.run([*command, *map(str, sources)], capture_output=True, text=True, check=False)
    if shown.returncode != 0:
        raise LabError(f"the workload does not compile against Flink {flink.version}:\n{shown.stdout}{shown.stderr}")


def _pack(classes, libraries, target):
    """Libraries go in as they are, under lib/: Flink unpacks them onto the job's class path."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
        out.writestr("META-INF/MANIFEST.MF", f"Manifest-Version: 1.0\nMain-Class: {MAIN}\n\n")
        for file in sorted(classes.rglob("*.class")):
            out.write(file, file.relative_to(classes).as_posix())
        for library in libraries:
            out.write(library, f"lib/{library.name}", compress_type=zipfile.ZIP_STORED)
