# SPDX-License-Identifier: Apache-2.0
"""One Kafka broker (KRaft, one node) beside a cluster, and the producers that feed it."""

import json
import secrets
import shutil
import signal
import subprocess
import time
from pathlib import Path

from . import cache, fetch_kafka, ports, processes, system
from .errors import LabError, MissingError

START_TIMEOUT = 120
JVM = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"]


def folder_of(cluster_folder):
    """Beside the cluster's folder: either may come and go without the other."""
    return cluster_folder.with_name(cluster_folder.name + ".broker")


def names():
    """The clusters beside which a broker was started, whether they are up or not."""
    folder = cache.root() / "lab"
    return [path.parent.stem for path in folder.glob("*.broker/broker.json")]


def load(folder):
    try:
        return json.loads((folder / "broker.json").read_text())
    except FileNotFoundError:
        raise MissingError(f"no broker in {folder}; start one with: tests/lab broker up") from None


def save(record):
    folder = Path(record["dir"])
    fresh = folder / "broker.json.new"
    fresh.write_text(json.dumps(record, indent=2) + "\n")
    fresh.replace(folder / "broker.json")


def up(folder):
    """Starts it, on the data it had if it was killed before. Returns its record once it serves."""
    system.require()
    jars = fetch_kafka.broker_home()
    with cache.lock(f"broker-{folder.name}"):
        record = load(folder) if (folder / "broker.json").is_file() else _create(folder, jars)
        if is_alive(record):
            raise LabError(f"the broker is already up at {record['bootstrap']}")
        record["broker"] = _launch(folder, jars)
        save(record)
        _wait_until_started(record)
    return record


def is_alive(record):
    return record.get("broker") is not None and processes.is_alive(record["broker"])


def kill(record):
    """kill -9; its data stays for the next `broker up`."""
    if is_alive(record):
        processes.kill([record["broker"]])


def freeze(record, frozen):
    """SIGSTOP or SIGCONT: a broker that accepts connections and never answers, and its recovery."""
    if not processes.send(record["broker"], signal.SIGSTOP if frozen else signal.SIGCONT):
        raise LabError("the broker is not running")


def stop(cluster_record):
    """Whatever runs beside this cluster, and its data."""
    remove(folder_of(Path(cluster_record["dir"])))


def remove(folder):
    if (folder / "broker.json").is_file():
        record = load(folder)
        own = [record.get("broker"), *record.get("producers", {}).values()]
        processes.kill([process for process in own if process])
    shutil.rmtree(folder, ignore_errors=True)


def java(jars, *words, extra=()):
    """The command line of a Java program with the broker's jars."""
    classpath = ":".join([f"{jars}/*", *map(str, extra)])
    return [system.java(), *JVM, "-cp", classpath, *words]


def _create(folder, jars):
    (folder / "data").mkdir(parents=True, exist_ok=True)
    port, controller_port = ports.free(2)
    (folder / "server.properties").write_text(_properties(folder, port, controller_port))
    cluster_id = secrets.token_urlsafe(16)
    # A leading dash would be read as an option.
    words = ("kafka.tools.StorageTool", "format", "-t", cluster_id.replace("-", "A"), "-c", f"{folder}/server.properties")
    shown = subprocess.run(java(jars, *words), capture_output=True, text=True, check=False)
    if shown.returncode != 0:
        raise LabError(f"the broker's storage could not be formatted:\n{(shown.stdout + shown.stderr)[-1500:]}")
    return {"dir": str(folder), "bootstrap": f"127.0.0.1:{port}", "producers": {}}


def _launch(folder, jars):
    log = folder / "broker.log"
    log.unlink(missing_ok=True)
    # slf4j-simple; without a binding the broker would not say when it has started.
    flags = ["-Dorg.slf4j.simpleLogger.showDateTime=true", "-Dorg.slf4j.simpleLogger.showThreadName=false"]
    command = java(jars, *flags, "kafka.Kafka", f"{folder}/server.properties")
    return processes.start(command, log, cwd=folder)


def _wait_until_started(record):
    log = Path(record["dir"]) / "broker.log"
    deadline = time.monotonic() + START_TIMEOUT
    while "Kafka Server started" not in log.read_text(errors="replace"):
        if not is_alive(record) or time.monotonic() > deadline:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            processes.kill([record["broker"]])
            raise LabError(f"the broker did not start:\n{tail}")
        time.sleep(0.1)


def _properties(folder, port, controller_port):
    """The two broker.* times are short so that a restart after kill -9 takes 4 s instead of 13."""
    return f"""\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={folder}/data
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=300
num.partitions=1
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=4194304
"""
