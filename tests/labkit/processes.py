# SPDX-License-Identifier: Apache-2.0
"""Processes that outlive the lab's command: started detached, recognised again, stopped by id only.

A process is recorded as {"pid", "started"}; `started` is field 22 of /proc/PID/stat, so a reused id is
never mistaken for ours.
"""

import os
import signal
import subprocess
import time
from pathlib import Path


def start(command, log, env=None, cwd=None):
    """Starts it in its own session, with its output in a file. Returns its record."""
    with open(log, "ab") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
            start_new_session=True, env=env, cwd=cwd,
        )
    # Not waited for: it belongs to init once this command has ended.
    process.returncode = 0
    return {"pid": process.pid, "started": _started(process.pid)}


def is_alive(record):
    return record["started"] is not None and _started(record["pid"]) == record["started"]


def send(record, number):
    """Sends a signal if it is still the same process. Returns whether it was."""
    if not is_alive(record):
        return False
    try:
        os.kill(record["pid"], number)
    except ProcessLookupError:
        return False
    return True


def kill(records, timeout=10):
    """Kills them at once and waits until they are gone: their folder is deleted afterwards."""
    for record in records:
        send(record, signal.SIGKILL)
        _reap(record)
    deadline = time.monotonic() + timeout
    while any(is_alive(record) for record in records) and time.monotonic() < deadline:
        for record in records:
            _reap(record)
        time.sleep(0.02)


def memory_mib(record):
    """Resident memory, or None if it is gone."""
    if not is_alive(record):
        return None
    for line in Path(f"/proc/{record['pid']}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) // 1024
    return None


def _started(pid):
    """When it started, in clock ticks since boot; None if there is no such process or only its zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text[text.rindex(")") + 2:].split()
    return None if fields[0] in "ZX" else int(fields[19])


def _reap(record):
    """Collects it if it is a child of this very command; else init does."""
    try:
        os.waitpid(record["pid"], os.WNOHANG)
    except ChildProcessError:
        pass
