# SPDX-License-Identifier: Apache-2.0
"""Writes docs/comparison.md from measurements."""

from pathlib import Path

TARGET = Path(__file__).resolve().parents[3] / "docs" / "comparison.md"
NAMES = {"peer": "operator's autoscaler", "weirkeeper": "Weirkeeper"}

HEAD = """\
<!-- Made by `tests/peer/run comparison`. Do not edit: run it again. -->
# Beside the Flink Kubernetes Operator's autoscaler

The published library (`org.apache.flink:flink-autoscaler`) in a small host of ours, and `weirkeeper run`, one after the
other, each on a fresh Flink with the same job and the same load, behind a proxy that counts requests. The job does
500 records/s per subtask of `enrich`. What waits is counted in the job's own state, not taken from metrics.

Made with `tests/peer/run comparison`; every run of it differs by some seconds.
"""

DEFINITIONS = """\
## What the figures are

- *first request*, *right size*, *caught up*: seconds after the load changed. The size is right when it runs with what
  carries the load (up), or with no more than twice that (down). Caught up is when no more waits than arrives in 2.5 s.
- *worst lag*: the largest backlog in seconds of arrivals. *Slot-hours*: slots in use, times time.
- *restarts*: by Flink's own count, rescales among them. *Requests*: all HTTP requests to Flink.
- *CPU* and *memory* (peak resident) are the contender's own process, start included in the memory, not in the CPU.
"""

WHOLE = [
    ("requests to change", "changes_asked"), ("restarts", "restarts"), ("worst lag, s", "worst_lag_s"),
    ("slot-hours", "slot_hours"), ("HTTP requests/min", "requests_per_minute"), ("CPU s/min", "cpu_s_per_minute"),
    ("peak memory, MiB", "peak_mib"), ("machine: cores", "cores"), ("machine: load average, 15 min", "machine_load"),
]
# What is said of the machine is no loss of anybody.
JUDGED = 7
PHASE = [
    ("requests to change", "requests_to_change"), ("first request, s", "first_request_s"),
    ("right size, s", "right_s"), ("caught up, s", "caught_up_s"), ("size at the end", "ended_at"),
]


def write(results, simulated=None):
    """Returns the path."""
    parts = [HEAD]
    for settings in dict.fromkeys(r["settings"] for r in results):
        mine = [r for r in results if r["settings"] == settings]
        parts.append(_section(settings, mine))
    parts += [_losses(results), DEFINITIONS]
    if simulated:
        parts.append(_simulated(simulated))
    TARGET.write_text("\n".join(parts))
    return TARGET


def _section(settings, results):
    target = results[0]["target"]
    lines = [f"## {settings.capitalize()} settings, on {_target(target)}", "", _table(results, WHOLE), ""]
    for i, phase in enumerate(results[0]["phases"]):
        if i == 0:
            continue
        before = results[0]["phases"][i - 1]["rate"]
        need = f"{phase['need']} subtask" + ("s" if phase["need"] != 1 else "")
        lines += [f"Load from {before:g} to {phase['rate']:g} records/s, which needs {need}:", ""]
        rows = [{"contender": r["contender"], "steps": _steps(r["phases"][i]), **r["phases"][i]} for r in results]
        lines += [_table(rows, [("asked for", "steps"), *PHASE]), ""]
    return "\n".join(lines)


def _target(target):
    return target if target.startswith("http") else f"Flink {target}"


def _table(rows, columns):
    names = [NAMES.get(row["contender"], row["contender"]) for row in rows]
    lines = ["| | " + " | ".join(names) + " |", "| --- |" + " ---: |" * len(rows)]
    lines += [f"| {title} | " + " | ".join(_cell(row.get(key)) for row in rows) + " |" for title, key in columns]
    return "\n".join(lines)


def _cell(value):
    if isinstance(value, str):
        return value
    return "-" if value is None else f"{value:g}"


def _steps(phase):
    """Each request: the size and when."""
    return ", ".join(f"{'?' if size is None else size} at {at:g} s" for at, size in phase["asked"]) or "nothing"


def _losses(results):
    """Every figure in which Weirkeeper did worse, by settings."""
    lines = ["## Where Weirkeeper loses", ""]
    for settings in dict.fromkeys(r["settings"] for r in results):
        by_name = {r["contender"]: r for r in results if r["settings"] == settings}
        if set(by_name) == set(NAMES):
            lines += [f"- {settings} settings: {text}." for text in _worse(by_name["weirkeeper"], by_name["peer"])]
    if len(lines) == 2:
        lines.append("In none of these figures, in this run.")
    return "\n".join(lines) + "\n"


def _worse(own, peer):
    for title, key in WHOLE[:JUDGED]:
        if own[key] is not None and peer[key] is not None and own[key] > peer[key]:
            yield f"{title}: {own[key]:g} against {peer[key]:g}"
    for mine, other in zip(own["phases"][1:], peer["phases"][1:]):
        for title, key in PHASE[:4]:
            a, b = mine[key], other[key]
            if b is not None and (a is None or a > b):
                yield f"{title} at {mine['rate']:g} records/s: {_cell(a)} against {b:g}"


def _simulated(simulated):
    """The table of a tournament, as `weirkeeper simulate -o json` writes it."""
    rows = simulated["table"]
    keys = list(dict.fromkeys(key for row in rows for key in row["scores"]))
    head = "| scenario | controller | " + " | ".join(key.replace("_", " ") for key in keys) + " |"
    lines = ["## In simulation: median (worst)", "", head, "| --- | --- |" + " ---: |" * len(keys)]
    for row in rows:
        cells = [_pair(row["scores"].get(key)) for key in keys]
        lines.append(f"| {row['scenario']} | {row['controller']} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _pair(cell):
    if cell is None:
        return "-"
    median, worst = f"{cell['median']:.4g}", f"{cell['worst']:.4g}"
    return median if median == worst else f"{median} ({worst})"
