# SPDX-License-Identifier: Apache-2.0
"""What a job has really done: counted in its own checkpointed state, not in metrics.

arrived    what the rate table says has come in
produced   with a broker: what it has acknowledged to the producer
emitted    the sum of the source's offsets (unknown with a broker: Flink's own source does not tell)
processed  counted in enrich's state; violations: records of a key that came twice, late or not at all
sink_received  counted in the sink's state
Exactly once means: all of them equal once the job is quiet, and no violation, through every restart.
"""

import json
import time

from . import control


def read(where):
    """The figures of now; None for what cannot be known."""
    now = control.now_ms()
    reports = _reports(where / "report")
    settings = json.loads((where / "job.json").read_text()) if (where / "job.json").is_file() else {}
    enrich = _latest(reports, "enrich")
    sink = _latest(reports, "sink")
    figures = {
        "at_ms": now,
        "arrived": _arrived(where, settings, now),
        "produced": _produced(reports),
        "emitted": _emitted(reports),
        "processed": _sum(enrich, "records"),
        "sink_received": _sum(sink, "records"),
        "violations": _sum(enrich, "violations"),
        "parallelism": enrich[0]["parallelism"] if enrich else None,
        "attempt": max(report["attempt"] for report in enrich) if enrich else None,
        "opened_at_ms": max(report["openedAt"] for report in enrich) if enrich else None,
    }
    figures["backlog"] = _minus(figures["arrived"], figures["emitted"])
    figures["in_flight"] = _minus(figures["emitted"], figures["processed"])
    figures["unprocessed"] = _minus(figures["arrived"], figures["processed"])
    figures["exact"] = _exact(figures, settings)
    return figures


def wait_exact(where, timeout):
    """Polls until the figures are exact and stay so for two reports, or time is up."""
    deadline = time.monotonic() + timeout
    seen = None
    while True:
        figures = read(where)
        if figures["exact"] and seen and seen["processed"] == figures["processed"]:
            return figures
        seen = figures if figures["exact"] else None
        if time.monotonic() > deadline:
            return figures
        time.sleep(0.3)


def _exact(figures, settings):
    """None of the counts may be missing, except those that this kind of job does not have."""
    counts = [figures["arrived"], figures["processed"]]
    counts.append(figures["produced" if settings.get("topic") else "emitted"])
    if settings.get("sink", "plain") == "plain":
        counts.append(figures["sink_received"])
    return None not in counts and len(set(counts)) == 1 and figures["violations"] == 0


def _arrived(where, settings, now):
    arrived = control.arrived(control.read_rates(where), now)
    return min(arrived, settings["limit"]) if settings.get("limit") else arrived


def _produced(reports):
    """What a broker has acknowledged; None without one."""
    produced = [report["acknowledged"] for report in reports if report["vertex"] == "producer"]
    return produced[-1] if produced else None


def _emitted(reports):
    """Each partition from the newest reader that has it: a rescale moves partitions between readers."""
    newest = {}
    for report in sorted((r for r in reports if r["vertex"] == "source"), key=lambda r: r["openedAt"]):
        newest.update(report["offsets"])
    return sum(newest.values()) if newest else None


def _latest(reports, vertex):
    """The reports of the newest start, empty unless every subtask of it has reported.

    Attempt numbers do not tell starts apart: Flink counts them per subtask, and a subtask that was not
    there before a rescale begins at 0.
    """
    mine = sorted((r for r in reports if r["vertex"] == vertex), key=lambda r: r["openedAt"])
    if not mine:
        return []
    last = mine[-1]
    same = [r for r in mine if all(r[key] == last[key] for key in ("job", "restored", "parallelism"))]
    return same if len(same) == last["parallelism"] else []


def _reports(folder):
    return [json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))]


def _sum(reports, key):
    return sum(report[key] for report in reports) if reports else None


def _minus(one, other):
    return None if one is None or other is None else one - other
