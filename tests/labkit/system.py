# SPDX-License-Identifier: Apache-2.0
"""What the lab needs from the machine, checked before anything is downloaded, and named all at once."""

import os
import re
import shutil
import subprocess
import sys

from .errors import MissingError

JAVA_PACKAGE = "openjdk-17-jdk-headless"
OLDEST_JAVA = 17


def java(tool="java"):
    """The path of a Java tool: from JAVA_HOME if set, else from PATH; None if there is none."""
    home = os.environ.get("JAVA_HOME")
    if home and os.access(os.path.join(home, "bin", tool), os.X_OK):
        return os.path.join(home, "bin", tool)
    return shutil.which(tool)


def require(pip=False, maven=False, cargo=False, jdk=True):
    """Raises one error that names everything that is missing, each with the package to install."""
    missing = []
    if not sys.platform.startswith("linux"):
        missing.append("Linux: the lab watches its processes through /proc")
    if jdk:
        missing += _java_problems()
    if pip and not _works([sys.executable, "-m", "pip", "--version"]):
        missing.append("pip for python3: install the package python3-pip")
    if maven and not shutil.which("mvn"):
        missing.append("mvn (Maven, fetches Kafka's jars): install the package maven")
    if cargo and not shutil.which("cargo"):
        missing.append("cargo (Rust): install it with rustup")
    if missing:
        lines = "\n".join(f"  missing: {line}" for line in missing)
        raise MissingError(f"the machine lacks what this needs (Debian packages named):\n{lines}")


def _java_problems():
    if java("java") is None or java("javac") is None:
        return [f"Java {OLDEST_JAVA} or newer with javac: install the package {JAVA_PACKAGE}"]
    version = _java_version()
    if version is not None and version < OLDEST_JAVA:
        return [f"Java {OLDEST_JAVA} or newer (found {version}): install the package {JAVA_PACKAGE}"]
    return []


def _java_version():
    shown = subprocess.run([java("java"), "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(?:1\.)?(\d+)', shown)
    return int(found.group(1)) if found else None


def _works(command):
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False
