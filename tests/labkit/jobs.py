# SPDX-License-Identifier: Apache-2.0
"""Submits the workload and finds its job again."""

import shutil
import time

from . import control, rest, versions, workload
from .errors import LabError

# From the answer of the run request until Flink shows the job; usually a tenth of a second.
APPEAR_TIMEOUT = 30


def prepare(record, job, table, switches):
    """A fresh control folder, once no running job of this name uses the old one."""
    if rest.running_job(record["url"], job):
        raise LabError(f"a job named {job!r} is already running on this cluster; --job-name gives another name")
    where = control.folder(record, job)
    shutil.rmtree(where, ignore_errors=True)
    (where / "report").mkdir(parents=True)
    control.write_rates(where, table)
    control.write_switches(where, switches)
    return where


def submit(record, job, arguments, configuration, kafka=False, savepoint=None):
    """Uploads the jar and runs it. Returns the job's id."""
    url = record["url"]
    jar = rest.upload(url, workload.jar(versions.flink(record["flink"]), kafka))
    where = control.folder(record, job)
    pairs = {"control": str(where), "job-name": job, **arguments}
    body = {"programArgsList": [word for key, value in pairs.items() for word in (f"--{key}", str(value))]}
    body["flinkConfiguration"] = configuration
    if savepoint:
        body["savepointPath"] = savepoint
    job_id = rest.call(f"{url}/jars/{jar}/run", "POST", body, timeout=60)["jobid"]
    _wait_until_known(url, job_id)
    return job_id


def _wait_until_known(url, job_id):
    deadline = time.monotonic() + APPEAR_TIMEOUT
    while rest.attempt(f"{url}/jobs/{job_id}/status") is None:
        if time.monotonic() > deadline:
            raise LabError(f"Flink accepted job {job_id} but does not show it")
        time.sleep(0.05)


def wait_running(url, job_id, timeout):
    """Until every task runs, not only the job: RUNNING alone does not mean that."""
    deadline = time.monotonic() + timeout
    while True:
        detail = rest.attempt(f"{url}/jobs/{job_id}")
        if detail and detail["vertices"] and all(v["tasks"]["RUNNING"] == v["parallelism"] for v in detail["vertices"]):
            return
        if time.monotonic() > deadline:
            state = detail["state"] if detail else "unknown"
            raise LabError(f"not all tasks of job {job_id} run after {timeout:.0f} s; the job is {state}")
        time.sleep(0.1)


def rescale(url, job_id, wanted):
    """PUT of upper bounds by vertex name (or its first word); the others stay. Returns what was asked."""
    vertices = rest.call(f"{url}/jobs/{job_id}")["vertices"]
    bounds = rest.call(f"{url}/jobs/{job_id}/resource-requirements")
    asked = {}
    for vertex in vertices:
        for name, parallelism in wanted.items():
            if name in (vertex["name"], short_name(vertex["name"])):
                bounds[vertex["id"]]["parallelism"]["upperBound"] = parallelism
                asked[vertex["name"]] = parallelism
    if len(asked) < len(wanted):
        raise LabError(f"the job's vertices are {', '.join(v['name'] for v in vertices)}")
    rest.call(f"{url}/jobs/{job_id}/resource-requirements", "PUT", bounds)
    return asked


def short_name(vertex):
    """source, enrich or sink for the vertices of the workload."""
    if vertex.startswith("Source: "):
        return "source"
    return "sink" if "Writer" in vertex else vertex


def host_of(url, job_id, vertex_name):
    """The TaskManager of the vertex's first subtask."""
    vertices = rest.call(f"{url}/jobs/{job_id}")["vertices"]
    vertex = next(v for v in vertices if v["name"] == vertex_name)
    return rest.call(f"{url}/jobs/{job_id}/vertices/{vertex['id']}")["subtasks"][0]["taskmanager-id"]


def wait_parallelism(url, job_id, wanted, timeout):
    """Until the named vertices run at this parallelism."""
    deadline = time.monotonic() + timeout
    while True:
        detail = rest.attempt(f"{url}/jobs/{job_id}")
        found = {v["name"]: v["tasks"]["RUNNING"] for v in detail["vertices"]} if detail else {}
        if all(found.get(name) == parallelism for name, parallelism in wanted.items()):
            return
        if time.monotonic() > deadline:
            raise LabError(f"asked for {wanted}; after {timeout:.0f} s it runs with {found}")
        time.sleep(0.1)
