# SPDX-License-Identifier: Apache-2.0
"""One contender on one load: what it asked, what that did, what it cost."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from labkit import cluster, console, control, jobs, ports, rest, versions
from labkit.errors import LabError

from . import books, contenders, figures, proxy, usage

JOB = "lab-job"
TASKMANAGERS, SLOTS = 3, 4
# Records/s of one subtask of the lab's job at 2 ms per record.
EACH = 500
STOP_TIMEOUT = 10


def on_lab(name, settings, rates, flink_name, program):
    """Starts a Flink of its own, so that no contender finds what another has left."""
    flink = versions.flink(flink_name)
    with contextlib.ExitStack() as cleanup:
        label = f"peer-{name}-{time.time_ns() // 1_000_000}"
        folder = cluster.folder_of(label)
        console.say(f"{name}, {settings} settings: starting Flink {flink.version}")
        record = cluster.up(label, folder, flink, TASKMANAGERS, SLOTS, 0, True, {})
        cleanup.callback(cluster.remove, record)
        table = control.parse_rates(rates, control.now_ms() + 25_000)
        where = jobs.prepare(record, JOB, table, {"cost-ms": "2"})
        (where / "job.json").write_text(json.dumps({"topic": None, "sink": "plain", "limit": None}))
        arguments = {"max-parallelism": 128, "partitions": 8, "sink": "plain"}
        arguments |= {f"{vertex}-parallelism": 1 for vertex in ("source", "enrich", "sink")}
        job = jobs.submit(record, JOB, arguments, {})
        jobs.wait_running(record["url"], job, 60)
        phases = [(at, milli / 1000) for at, milli in table]
        end = phases[-1][0] + _tail_ms(rates)
        samples, told = _watch(name, settings, record["url"], job, JOB, where, end, program)
        return figures.of(name, settings, flink.version, phases, end, samples, told, EACH)


def _tail_ms(rates):
    """The last phase lasts as long as the longest other one."""
    starts = [float(entry.split(":")[0]) for entry in rates.split(",")]
    lengths = [later - earlier for earlier, later in zip(starts, starts[1:])]
    return round(max(lengths, default=120) * 1000)


def on_url(name, settings, url, job_name, seconds, each, program):
    """Against a REST server that runs already, with the load it has."""
    job = rest.running_job(url, job_name)
    if job is None:
        raise LabError(f"no running job {job_name!r} on {url}")
    end = control.now_ms() + round(seconds * 1000)
    began = control.now_ms()
    samples, told = _watch(name, settings, url, job["jid"], job_name, None, end, program)
    return figures.of(name, settings, url, [(began, None)], end, samples, told, each)


def _watch(name, settings, url, job, job_name, where, end_ms, program):
    """Runs the contender behind a counting proxy and reads the books once a second."""
    with contextlib.ExitStack() as cleanup:
        work = Path(tempfile.mkdtemp(prefix="weirkeeper-peer-"))
        cleanup.callback(shutil.rmtree, work, ignore_errors=True)
        between = proxy.Proxy(url)
        cleanup.callback(between.close)
        listen = ports.free(1)[0]
        command = contenders.command(name, settings, between.url, job_name, work, program, listen)
        log = cleanup.enter_context(open(work / "output", "wb"))
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        cleanup.callback(_stop, process)
        console.say(f"{name}, {settings} settings: measuring for {(end_ms - control.now_ms()) / 1000:.0f} s")
        samples = _samples(process, url, job, where, end_ms, work / "output")
        told = {"requests": between.requests, "changes": between.changes, "names": _names(url, job)}
        told["machine"] = {"cores": os.cpu_count(), "load": round(os.getloadavg()[2], 1)}
        return samples, told


def _samples(process, url, job, where, end_ms, output):
    samples = []
    while control.now_ms() < end_ms:
        if process.poll() is not None:
            tail = output.read_text(errors="replace")[-2000:]
            raise LabError(f"it ended by itself (exit {process.returncode}):\n{tail}")
        reading = books.sample(url, job, where)
        samples.append({"at_ms": control.now_ms(), **reading, "process": usage.read(process.pid)})
        time.sleep(max(0, 1 - (control.now_ms() - samples[-1]["at_ms"]) / 1000))
    return samples


def _names(url, job):
    """The vertices' names by id."""
    return {vertex["id"]: vertex["name"] for vertex in rest.call(f"{url}/jobs/{job}")["vertices"]}


def _stop(process):
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
