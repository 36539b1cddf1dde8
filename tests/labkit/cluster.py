# SPDX-License-Identifier: Apache-2.0
"""One Flink cluster: a JobManager and TaskManagers as plain processes, in a folder of their own."""

import json
import os
import shutil
import time
from pathlib import Path

from . import cache, config, console, fetch_flink, memory, ports, processes, prometheus, rest, system, versions
from .errors import LabError, MissingError

DEFAULT_NAME = "lab"
DEFAULT_PORT = 8081
# A start takes 5 to 20 s; on a machine that is also compiling it may take several times that.
START_TIMEOUT = 180
# Serial collector and C1 only: half the memory and start time, and a lab's load needs no more.
JVM = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xshare:auto", "-XX:+IgnoreUnrecognizedVMOptions"]
MAINS = {
    "jobmanager": "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint",
    "taskmanager": "org.apache.flink.runtime.taskexecutor.TaskManagerRunner",
}


def folder_of(name, chosen=None):
    if chosen:
        return Path(chosen).expanduser().absolute()
    if "/" in name or name.startswith("."):
        raise LabError(f"a cluster's name is also a folder's name: {name!r} will not do; --dir takes a path")
    return cache.root() / "lab" / name


def names():
    folder = cache.root() / "lab"
    return sorted(path.parent.name for path in folder.glob("*/cluster.json")) if folder.is_dir() else []


def load(folder):
    """The record of a cluster."""
    try:
        return json.loads((folder / "cluster.json").read_text())
    except FileNotFoundError:
        raise MissingError(f"no cluster in {folder}; start one with: tests/lab up") from None


def save(record):
    folder = Path(record["dir"])
    record["pids"] = {
        "jobmanager": record["processes"]["jobmanager"]["pid"],
        "taskmanagers": [process["pid"] for process in record["processes"]["taskmanagers"]],
    }
    fresh = folder / "cluster.json.new"
    fresh.write_text(json.dumps(record, indent=2) + "\n")
    fresh.replace(folder / "cluster.json")


def up(name, folder, flink, taskmanagers, slots, port, fast, extra, scraped=False):
    """Starts a cluster and waits until all its slots are registered. Returns its record."""
    system.require()
    if scraped:
        prometheus.require()
        extra = {**prometheus.reporter(), **extra}
    home = fetch_flink.home(flink)
    with cache.lock(f"cluster-{folder.name}"):
        _make_room(name, folder)
        record = _start(name, folder, flink, home, slots, port, fast, extra)
        try:
            for _ in range(taskmanagers):
                _add_taskmanager(record, home)
            if scraped:
                prometheus.start(record)
            save(record)
            _wait_for_slots(record, taskmanagers)
        except BaseException:
            remove(record)
            raise
    return record


def start_taskmanager(record):
    """One more TaskManager; returns once its slots are registered."""
    home = fetch_flink.home(versions.flink(record["flink"]))
    _forget_dead(record)
    process = _add_taskmanager(record, home)
    save(record)
    known = rest.call(f"{record['url']}/taskmanagers")["taskmanagers"]
    wanted = process["resource_id"]
    _wait(record, lambda: _has_taskmanager(record, wanted), f"{wanted} (besides {len(known)}) to register")
    return process


def index_of(record, resource_id):
    """Its place among the living TaskManagers."""
    _forget_dead(record)
    for index, process in enumerate(record["processes"]["taskmanagers"]):
        if process["resource_id"] == resource_id:
            return index
    raise LabError(f"TaskManager {resource_id} is not one that the lab started, or it is dead")


def kill_taskmanager(record, index):
    """kill -9 of one of the living TaskManagers. Returns what it was."""
    _forget_dead(record)
    living = record["processes"]["taskmanagers"]
    if not 0 <= index < len(living):
        raise LabError(f"no TaskManager {index}: {len(living)} are alive")
    process = living.pop(index)
    processes.kill([process])
    save(record)
    return process


def remove(record):
    """Kills what this cluster started and deletes its folder; nothing in it is meant to survive."""
    from . import broker  # a cluster may have a broker of its own beside it

    broker.stop(record)
    prometheus.stop(record)
    processes.kill(all_processes(record))
    shutil.rmtree(record["dir"], ignore_errors=True)


def all_processes(record):
    return [record["processes"]["jobmanager"], *record["processes"]["taskmanagers"]]


def is_alive(record):
    return processes.is_alive(record["processes"]["jobmanager"])


def tail(record, lines=12):
    """The last lines that its processes logged, for an error message."""
    shown = []
    for file in sorted(Path(record["dir"]).glob("log/*.*")):
        text = file.read_text(errors="replace").splitlines()[-lines:]
        shown += [f"--- {file.name}", *text] if text else []
    return "\n".join(shown)


def _make_room(name, folder):
    if not (folder / "cluster.json").is_file():
        if folder.is_dir() and any(folder.iterdir()) and not (folder / "conf").is_dir():
            raise LabError(f"{folder} exists and is not a cluster's folder; choose another one")
        shutil.rmtree(folder, ignore_errors=True)
        return
    old = load(folder)
    if is_alive(old):
        raise LabError(f"cluster {name!r} is already up at {old['url']}; stop it with: tests/lab down --name {name}")
    remove(old)


def _start(name, folder, flink, home, slots, port, fast, extra):
    if port and not ports.is_free(port):
        raise LabError(f"port {port} is taken; choose another with --port, or --port 0 for a free one")
    rest_port, rpc_port = [port, *ports.free(1)] if port else ports.free(2)
    for sub in ("log", "tmp", "checkpoints", "savepoints", "jobs"):
        (folder / sub).mkdir(parents=True, exist_ok=True)
    options = config.options(flink, folder, (rest_port, rpc_port), slots, fast, extra)
    config.write(folder / "conf", options)
    record = {
        "name": name, "url": f"http://127.0.0.1:{rest_port}", "flink": flink.version, "dir": str(folder),
        "slots_per_taskmanager": slots, "started_taskmanagers": 0, "options": options,
    }
    record["processes"] = {"jobmanager": _launch(record, home, "jobmanager", "jobmanager"), "taskmanagers": []}
    return record


def _add_taskmanager(record, home):
    resource_id = f"tm{record['started_taskmanagers']}"
    process = _launch(record, home, "taskmanager", resource_id)
    process["resource_id"] = resource_id
    record["started_taskmanagers"] += 1
    record["processes"]["taskmanagers"].append(process)
    return process


def _launch(record, home, role, label):
    folder = Path(record["dir"])
    conf = folder / "conf"
    jvm, after = memory.arguments(home, conf, record["options"], role)
    command = [system.java(), *JVM, *jvm, *(home / "java-opts").read_text().split()]
    command += [f"-Djava.io.tmpdir={folder}/tmp", f"-Dlog.file={folder}/log/{label}.log"]
    command += [f"-Dlog4j.configurationFile=file:{conf}/log4j.properties", "-cp", _classpath(home), MAINS[role]]
    command += ["--configDir", str(conf), *after]
    if role == "jobmanager":
        command += ["--executionMode", "cluster"]
    else:
        command += ["-D", f"taskmanager.resource-id={label}"]
    env = {**os.environ, "FLINK_CONF_DIR": str(conf), "FLINK_PLUGINS_DIR": str(home / "plugins"), "FLINK_LIB_DIR": str(home / "lib")}
    return processes.start(command, folder / "log" / f"{label}.out", env=env, cwd=folder)


def _classpath(home):
    """flink-dist last, as Flink's own scripts put it."""
    jars = sorted((home / "lib").glob("*.jar"), key=lambda jar: (jar.name.startswith("flink-dist"), jar.name))
    return ":".join(str(jar) for jar in jars)


def _wait_for_slots(record, taskmanagers):
    wanted = taskmanagers * record["slots_per_taskmanager"]
    _wait(record, lambda: _slots(record) >= wanted, f"{wanted} slots")


def _wait(record, condition, what):
    deadline = time.monotonic() + START_TIMEOUT
    while not condition():
        dead = [p["pid"] for p in all_processes(record) if not processes.is_alive(p)]
        if dead:
            raise LabError(f"a Flink process ended while waiting for {what}\n{tail(record)}")
        if time.monotonic() > deadline:
            raise LabError(f"no {what} after {START_TIMEOUT} s\n{tail(record)}")
        time.sleep(0.1)


def _slots(record):
    overview = rest.attempt(f"{record['url']}/overview")
    return overview["slots-total"] if overview else -1


def _has_taskmanager(record, resource_id):
    answer = rest.attempt(f"{record['url']}/taskmanagers")
    return answer is not None and any(tm["id"] == resource_id for tm in answer["taskmanagers"])


def _forget_dead(record):
    living = record["processes"]["taskmanagers"]
    record["processes"]["taskmanagers"] = [process for process in living if processes.is_alive(process)]


def tell_up(record, seconds):
    console.say(f"Flink {record['flink']} is up after {seconds:.1f} s: {record['url']}")
