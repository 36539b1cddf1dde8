# SPDX-License-Identifier: Apache-2.0
"""What is true of a job while it is measured, read beside the contender and never through its proxy.

With the lab's job the backlog is counted in the job's own state. Any other REST server (a simulated Flink) is believed
what it says of itself.
"""

from labkit import oracle, rest

CAPACITY_VERTEX = "enrich"


def sample(url, job, where):
    """One reading; what cannot be read is absent."""
    found = rest.attempt(f"{url}/jobs/{job}")
    overview = rest.attempt(f"{url}/overview")
    reading = {"running": False}
    if found and found.get("vertices"):
        reading["running"] = all(v["tasks"].get("RUNNING", 0) == v["parallelism"] for v in found["vertices"])
        reading["parallelism"] = {v["name"]: v["parallelism"] for v in found["vertices"]}
    if overview:
        reading["slots"] = overview["slots-total"] - overview["slots-available"]
    backlog = _oracle(where) if where else _pending(url, job, found)
    if backlog is not None:
        reading["backlog"] = max(0, backlog)
    restarts = rest.attempt(f"{url}/jobs/{job}/metrics?get=numRestarts")
    if restarts:
        reading["restarts"] = int(float(restarts[0]["value"]))
    return reading


def _oracle(where):
    return oracle.read(where)["unprocessed"]


def _pending(url, job, found):
    """The sum over all vertices that say so."""
    total = None
    for vertex in (found or {}).get("vertices", []):
        base = f"{url}/jobs/{job}/vertices/{vertex['id']}/subtasks/metrics"
        names = [m["id"] for m in rest.attempt(base) or [] if m["id"].endswith("pendingRecords")]
        for name in names:
            answer = rest.attempt(f"{base}?get={name}&agg=sum") or []
            total = sum((float(m["sum"]) for m in answer), total or 0)
    return total
