# SPDX-License-Identifier: Apache-2.0
"""The folder outside the clone that holds the real parts: where it is, locks, atomic installation."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

MARKER = "COMPLETE"


def root():
    """WEIRKEEPER_CACHE, else the user's cache folder."""
    chosen = os.environ.get("WEIRKEEPER_CACHE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().absolute() / "weirkeeper"


def part(name):
    return root() / name


def is_complete(name):
    """The marker is written last, before the rename: a part without it was not installed by us."""
    return (part(name) / MARKER).is_file()


@contextlib.contextmanager
def lock(name):
    """Held by one process at a time; released by the kernel if it dies."""
    folder = root() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / f"{name}.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def install(name, build):
    """Runs build(folder) in a temporary folder and renames it into place. Returns whether it was needed."""
    if is_complete(name):
        return False
    with lock(f"install-{name}"):
        if is_complete(name):
            return False
        work = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=root()))
        try:
            fresh = work / "part"
            fresh.mkdir()
            build(fresh)
            (fresh / MARKER).write_text(f"{name}\n")
            shutil.rmtree(part(name), ignore_errors=True)
            fresh.rename(part(name))
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return True
