# SPDX-License-Identifier: Apache-2.0
"""From samples to figures. One definition each, repeated in docs/comparison.md."""

import math

VERTEX = "enrich"
# Caught up: no more waits than arrives in so many seconds.
CAUGHT_UP_S = 2.5


def of(name, settings, target, phases, end_ms, samples, told, each):
    """All figures of one measurement."""
    inside = [s for s in samples if s["at_ms"] >= phases[0][0]]
    processes = [s["process"] for s in samples if s["process"]]
    lasted = (samples[-1]["at_ms"] - samples[0]["at_ms"]) / 1000
    restarts = [s["restarts"] for s in samples if "restarts" in s]
    puts = [c for c in told["changes"] if c["method"] == "PUT"]
    return {
        "contender": name, "settings": settings, "target": target, "seconds": round(lasted),
        "cores": told["machine"]["cores"], "machine_load": told["machine"]["load"],
        "requests": told["requests"], "requests_per_minute": round(told["requests"] / lasted * 60, 1),
        "changes_asked": len(puts), "restarts": (max(restarts) - restarts[0]) if restarts else None,
        "slot_hours": round(_slot_hours(inside), 4),
        "worst_lag_s": _worst_lag(inside, phases),
        "cpu_s_per_minute": round((processes[-1]["cpu_s"] - processes[0]["cpu_s"]) / lasted * 60, 2) if processes else None,
        "peak_mib": max((p["peak_mib"] for p in processes), default=None),
        "phases": [_phase(i, phases, end_ms, inside, puts, each, told["names"]) for i in range(len(phases))],
    }


def _slot_hours(samples):
    """Slots in use, times time."""
    pairs = zip(samples, samples[1:])
    return sum(a.get("slots", 0) * (b["at_ms"] - a["at_ms"]) for a, b in pairs) / 3_600_000


def _rate(phases, at_ms):
    return next((rate for at, rate in reversed(phases) if at <= at_ms), None)


def _worst_lag(samples, phases):
    """The largest backlog in seconds of what arrives at that time."""
    lags = [s["backlog"] / _rate(phases, s["at_ms"]) for s in samples if "backlog" in s and _rate(phases, s["at_ms"])]
    return round(max(lags), 1) if lags else None


def _phase(i, phases, end_ms, samples, puts, each, names):
    began, rate = phases[i]
    ended = phases[i + 1][0] if i + 1 < len(phases) else end_ms
    mine = [s for s in samples if began <= s["at_ms"] < ended]
    asked = [p for p in puts if began <= p["at_ms"] < ended]
    need = math.ceil(rate / each) if rate and each else None
    up = i > 0 and rate is not None and rate > phases[i - 1][1]
    right = next((s for s in mine if need and _is_right(s, need, up)), None)
    caught = _caught_up(mine, rate, right) if up else None
    return {
        "rate": rate, "need": need, "requests_to_change": len(asked),
        "asked": [[_after(began, put["at_ms"]), _size(put, names)] for put in asked],
        "first_request_s": _after(began, asked[0]["at_ms"]) if asked else None,
        "right_s": _after(began, right["at_ms"]) if right and i > 0 else None,
        "caught_up_s": _after(began, caught["at_ms"]) if caught else None,
        "ended_at": (mine[-1].get("parallelism") or {}).get(VERTEX) if mine else None,
    }


def _size(put, names):
    """What a request asks for the vertex that limits the job."""
    bounds = put.get("body") or {}
    return next((b["parallelism"]["upperBound"] for v, b in bounds.items() if names.get(v) == VERTEX), None)


def _is_right(sample, need, up):
    """Up: it runs with what carries the load. Down: it runs with no more than twice that, the least spare room of both."""
    runs = (sample.get("parallelism") or {}).get(VERTEX)
    return bool(sample["running"] and runs and (runs >= need if up else runs <= 2 * need))


def _caught_up(samples, rate, right):
    """The first reading with the right size after which no more than a little waits."""
    later = [s for s in samples if right and s["at_ms"] >= right["at_ms"] and "backlog" in s]
    return next((s for s in later if s["backlog"] <= CAUGHT_UP_S * rate), None)


def _after(began, at_ms):
    return round((at_ms - began) / 1000, 1)
