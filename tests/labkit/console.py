# SPDX-License-Identifier: Apache-2.0
"""What the lab says: progress on stderr, results on stdout as text or JSON."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from .errors import LabError


def say(text):
    """A line of progress for a person; stdout stays clean for results."""
    print(f"lab: {text}", file=sys.stderr, flush=True)


def result(args, value, text):
    """One result: JSON when asked for, else the text."""
    print(json.dumps(value) if args.output == "json" else text, flush=True)


def run(command, what, watched=None, env=None):
    """Runs a command, telling every few seconds that it still goes on; its output only if it fails."""
    began = time.monotonic()
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env, text=True
    ) as process:
        output = _wait(process, what, watched, began)
    if process.returncode != 0:
        tail = "\n".join(output.strip().splitlines()[-15:])
        raise LabError(f"{what} failed (exit {process.returncode}):\n{tail}")
    return output


def _wait(process, what, watched, began):
    try:
        while True:
            try:
                return process.communicate(timeout=5)[0] or ""
            except subprocess.TimeoutExpired:
                say(f"{what} ... {time.monotonic() - began:.0f} s{_size(watched)}")
    except BaseException:
        process.kill()
        raise


def _size(folder):
    if folder is None:
        return ""
    total = 0
    for path, _, files in os.walk(folder):
        for name in files:
            try:
                total += (Path(path) / name).stat().st_size
            except OSError:
                pass  # a temporary file that is already gone
    return f", {total // 1_000_000} MB"
