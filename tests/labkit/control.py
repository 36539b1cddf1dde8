# SPDX-License-Identifier: Apache-2.0
"""The control folder of a job: the rate table and the switches that its tasks read while they run.

Arithmetic and format are those of the workload's Rates.java and Switches.java.
"""

import time
from pathlib import Path

from . import cache
from .errors import LabError

# Tasks use a table for at most 200 ms after they read it; a change must be written well before it holds.
LEAD_MS = 1000
UNIT = 1_000_000

SWITCHES = {
    "cost-ms": "time one record takes in enrich (2 = 500 records/s per subtask)",
    "source-cost-ms": "time one record takes in the source",
    "sink-cost-ms": "time one record takes in the plain sink",
    "hot-share": "share of all records (0 to 1) that goes to one key",
    "slow-subtask": "I:FACTOR, subtask I of enrich takes FACTOR times as long per record",
    "worse-above": "P:FACTOR, above parallelism P every record takes FACTOR times as long in enrich",
    "throw": "source, enrich, sink or all: fail (a restart loop); none ends it",
    "poison": "number of a record on which enrich always fails; -1 for none",
    "snapshot-sleep-ms": "sleep in every snapshot of enrich (slow checkpoints)",
    "snapshot-throw": "true: fail in every snapshot of enrich",
    "bytes-per-key": "size of the state that enrich keeps per key from now on",
}


def now_ms():
    return time.time_ns() // 1_000_000


def folder(record, job):
    if "/" in job or job.startswith("."):
        raise LabError(f"a job's name is also a folder's name: {job!r} will not do")
    return Path(record["dir"]) / "jobs" / job


def existing(record, job):
    found = folder(record, job)
    if not (found / "rates").is_file():
        raise LabError(f"no job {job!r} was submitted to this cluster with tests/lab submit")
    return found


def parse_rates(text, start_ms):
    """"0:300,75:1200" (seconds after the start, records per second) as a table."""
    table = []
    for entry in text.split(","):
        try:
            seconds, rate = (float(number) for number in entry.split(":"))
        except ValueError:
            raise LabError(f"--rates takes SECONDS:RATE,...; not {entry!r}") from None
        if rate < 0:
            raise LabError(f"a rate cannot be negative: {entry!r}")
        table.append((start_ms + round(seconds * 1000), round(rate * 1000)))
    if table != sorted(table, key=lambda row: row[0]):
        raise LabError("--rates wants rising seconds")
    return table


def write_rates(where, table):
    """Times in epoch ms, rates in thousandths of a record per second."""
    _replace(where / "rates", "".join(f"{at} {milli_rate}\n" for at, milli_rate in table))


def read_rates(where):
    rows = (line.split() for line in (where / "rates").read_text().splitlines())
    return [(int(at), int(milli_rate)) for at, milli_rate in rows]


def change_rate(where, rate):
    """From about a second from now on; what was planned for later is dropped. Returns the exact time."""
    if rate < 0:
        raise LabError("a rate cannot be negative")
    with cache.lock(f"control-{where.parent.parent.name}-{where.name}"):
        at = now_ms() + LEAD_MS
        kept = [row for row in read_rates(where) if row[0] < at]
        write_rates(where, kept + [(at, round(rate * 1000))])
    return at


def arrived(table, now):
    """Records that have arrived by this time; the same whole-number arithmetic as the tasks use."""
    total = 0
    for i, (at, milli_rate) in enumerate(table):
        if at > now:
            break
        until = min(now, table[i + 1][0]) if i + 1 < len(table) else now
        total += milli_rate * (until - at)
    return total // UNIT


def read_switches(where):
    rows = (line.split("=", 1) for line in (where / "switches").read_text().splitlines() if "=" in line)
    return {key: value for key, value in rows}


def write_switches(where, switches):
    _replace(where / "switches", "".join(f"{key}={value}\n" for key, value in sorted(switches.items())))


def check_switch(key, value):
    """Refuses here what would kill the job there."""
    if key not in SWITCHES:
        raise LabError(f"unknown switch {key!r}; there are: {', '.join(SWITCHES)}")
    try:
        _CHECKS.get(key, float)(value)
    except (ValueError, AttributeError):
        raise LabError(f"{key}: {value!r} will not do; it takes: {SWITCHES[key]}") from None


def set_switch(where, key, value):
    check_switch(key, value)
    with cache.lock(f"control-{where.parent.parent.name}-{where.name}"):
        write_switches(where, _with(read_switches(where), key, value))


def initial_switches(pairs):
    switches = {}
    for key, value in pairs:
        check_switch(key, value)
        switches = _with(switches, key, value)
    return switches


def _with(switches, key, value):
    changed = {**switches, key: value}
    if key == "hot-share" and float(value) > 0:
        # Records then change keys, so gaps in a key's sequence are no longer losses.
        changed["hot-ever"] = "true"
    return changed


def _one_of(*words):
    def check(value):
        if value not in words:
            raise ValueError(value)

    return check


def _index_and_factor(value):
    index, factor = value.split(":")
    int(index), float(factor)


_CHECKS = {
    "throw": _one_of("none", "source", "enrich", "sink", "all"),
    "snapshot-throw": _one_of("true", "false"),
    "poison": int,
    "bytes-per-key": int,
    "slow-subtask": _index_and_factor,
    "worse-above": _index_and_factor,
}


def _replace(file, text):
    fresh = file.with_name(file.name + ".new")
    fresh.write_text(text)
    fresh.replace(file)
