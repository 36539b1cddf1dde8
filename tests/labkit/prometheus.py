# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus beside a cluster, which scrapes Flink's own reporter."""

import json
import shutil
import time
from pathlib import Path

from . import ports, processes, rest
from .errors import LabError, MissingError

PROGRAM = "prometheus"
# Each process of Flink takes the next free port of the range: the JobManager and up to nine TaskManagers.
PORTS = 10
SCRAPE_SECONDS = 2
START_TIMEOUT = 60
REPORTER = "org.apache.flink.metrics.prometheus.PrometheusReporterFactory"


def require():
    """Its path; an error that says how to get it if it is not there."""
    path = shutil.which(PROGRAM)
    if path is None:
        raise MissingError("no program `prometheus` on this machine: install the distribution's package prometheus")
    return path


def reporter():
    """Flink's options for its reporter, on ports that are free now."""
    first = _range()
    return {
        "metrics.reporter.prom.factory.class": REPORTER,
        "metrics.reporter.prom.port": f"{first}-{first + PORTS - 1}",
    }


def start(record):
    """Starts it, waits until it answers, and puts it into the cluster's record."""
    program = require()
    folder = Path(record["dir"]) / "prometheus"
    folder.mkdir(exist_ok=True)
    # Flink writes a port of the range for itself only; a target that is not there is merely down.
    first = int(record["options"]["metrics.reporter.prom.port"].split("-")[0])
    targets = [f"127.0.0.1:{port}" for port in range(first, first + PORTS)]
    config = {
        "global": {"scrape_interval": f"{SCRAPE_SECONDS}s", "scrape_timeout": f"{SCRAPE_SECONDS}s"},
        "scrape_configs": [{"job_name": "flink", "static_configs": [{"targets": targets}]}],
    }
    # JSON is YAML too.
    (folder / "prometheus.yml").write_text(json.dumps(config, indent=1))
    (port,) = ports.free(1)
    command = [program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
    process = processes.start(command, folder / "prometheus.out", cwd=folder)
    record["prometheus"] = {"url": f"http://127.0.0.1:{port}", "process": process}
    _wait(record["prometheus"], folder)


def stop(record):
    """Ends it if the cluster has one."""
    if "prometheus" in record:
        processes.kill([record["prometheus"]["process"]])


def _wait(prometheus, folder):
    deadline = time.monotonic() + START_TIMEOUT
    while not _answers(prometheus["url"]):
        if not processes.is_alive(prometheus["process"]) or time.monotonic() > deadline:
            log = (folder / "prometheus.out").read_text(errors="replace")[-2000:]
            processes.kill([prometheus["process"]])
            raise LabError(f"Prometheus does not answer\n{log}")
        time.sleep(0.1)


def _answers(url):
    answer = rest.attempt(f"{url}/api/v1/query?query=1")
    return answer is not None and answer.get("status") == "success"


def _range():
    for _ in range(ports.TRIES):
        (first,) = ports.free(1)
        if all(ports.is_free(port) for port in range(first, first + PORTS)):
            return first
    raise LabError(f"no {PORTS} free ports in a row")
