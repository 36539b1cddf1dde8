# SPDX-License-Identifier: Apache-2.0
"""Installs Flink into the cache from the sdist `apache-flink-libraries`, and only what the lab starts."""

import os
import re
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from . import cache, console, system
from .errors import LabError, MissingError

# The rest of lib/ (table planner, Scala, formats) is 90 MB that no job of the lab loads.
WANTED = re.compile(r"deps/((?:lib/(?:flink-dist|log4j)-?.*\.jar)|(?:bin/.*)|(?:plugins/metrics-prometheus/.*))$")
PAPERS = re.compile(r"(LICENSE|NOTICE)$")


def part_name(flink):
    return f"flink-{flink.version}"


def home(flink):
    """The installed Flink; an error that says how to get it if it is not there."""
    if not cache.is_complete(part_name(flink)):
        raise MissingError(f"Flink {flink.version} is not in the cache; get it with: tests/lab fetch --flink {flink.version}")
    return cache.part(part_name(flink))


def fetch(flink):
    """Downloads it if it is missing. Returns whether it was."""
    return cache.install(part_name(flink), lambda folder: _build(flink, folder))


def _build(flink, folder):
    system.require(pip=True)
    with tempfile.TemporaryDirectory(prefix=".pip-", dir=cache.root()) as work:
        sdist = _download(flink, Path(work))
        console.say(f"unpacking {sdist.name}")
        _unpack(sdist, folder)
    dist = next((folder / "lib").glob("flink-dist-*.jar"), None)
    if dist is None or not (folder / "bin" / "bash-java-utils.jar").is_file():
        raise LabError(f"{flink.version}: the package has another layout than expected; nothing was installed")
    (folder / "java-opts").write_text(java_opts(dist))


def _download(flink, work):
    console.say(f"fetching Flink {flink.version}, about {flink.download_mb} MB")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "apache-flink-libraries"]
    command += ["--no-cache-dir", "--dest", str(work), f"apache-flink-libraries=={flink.version}"]
    console.run(command, f"fetching Flink {flink.version}", watched=work, env={**os.environ, "TMPDIR": str(work)})
    return next(work.glob("apache_flink_libraries-*.tar.gz"))


def _unpack(sdist, folder):
    with tarfile.open(sdist) as archive:
        for member in archive:
            inner = member.name.split("/", 1)[-1]
            found = WANTED.match(inner)
            target = found.group(1) if found else inner if PAPERS.match(inner) else None
            if target and member.isfile():
                _write(archive.extractfile(member), folder / target)


def _write(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target, "wb") as out:
        while chunk := source.read(1 << 20):
            out.write(chunk)


def java_opts(dist):
    """The --add-exports/--add-opens that Java 17 needs, from the configuration inside flink-dist itself."""
    with zipfile.ZipFile(dist) as jar:
        text = jar.read("config.yaml").decode()
    found = re.search(r"^env:\s*\n\s+java:\s*\n\s+opts:\s*\n\s+all:\s*(.+)$", text, re.M)
    if found is None:
        raise LabError("config.yaml in flink-dist names no env.java.opts.all")
    return found.group(1).strip()
