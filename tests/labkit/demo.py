# SPDX-License-Identifier: Apache-2.0
"""The demo: a real Flink, a job whose load rises and falls, and Weirkeeper keeping it at the right size."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from . import cache, cluster, console, control, fetch_flink, jobs, oracle, ports, system, versions
from .errors import LabError

REPOSITORY = Path(__file__).resolve().parents[2]
JOB = "lab-job"
# Records per second and for how long; capacity is 500/s per subtask, so this wants 1 and then 3 or 4.
WAVES = [(300, 45), (1200, 90), (300, 90)]
TABLE_SECONDS = 24 * 3600
TASKMANAGERS, SLOTS = 2, 3
STATUS_SECONDS = 15
# Weirkeeper's own listening port, when it is free.
LISTEN_PORT = 8090
STOP_TIMEOUT = 10
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

POLICY = """\
apiVersion: weirkeeper.dev/v1
kind: Policy
metadata: { name: demo }
match: { jobs: ["lab-job"] }
mode: auto
scaling:
  window: 20s
  warmUp: 8s
  lagObjective: 10s
  catchUp: 60s
  scaleDown: { after: 40s, minSaving: 30% }
  cooldown: { up: 15s, down: 30s }
limits: { perJob: { count: 100, per: 1h }, perFleet: { count: 100, per: 10m } }
"""

HEADER = """
What you see: a real Flink {flink} at {url} (its own web page is there too) runs the job {job}.
Each record costs the vertex `enrich` 2 ms, so one subtask does 500 records/s. 300 records/s arrive,
then 1200, then 300 again, over and over. Weirkeeper looks every 3 s and decides: its lines tell what
it saw, what it did and why. Lines with `lab:` tell what the job's own books say.
Policy: {policy}
Ctrl-C stops everything and deletes it.
"""


def run(args):
    flink = versions.flink(args.flink)
    limit = seconds(args.duration) if args.duration else None
    needs_fetch = not cache.is_complete(fetch_flink.part_name(flink))
    system.require(pip=needs_fetch, cargo=True)
    cache.root().mkdir(parents=True, exist_ok=True)
    fetch_flink.fetch(flink)
    program = build()
    with _signals_as_interrupt(), contextlib.ExitStack() as cleanup:
        work = Path(tempfile.mkdtemp(prefix="weirkeeper-demo-"))
        cleanup.callback(shutil.rmtree, work, ignore_errors=True)
        try:
            return _show(flink, program, work, limit, cleanup)
        except KeyboardInterrupt:
            console.say("stopping")
            return 0
        finally:
            _ignore_signals()  # a second Ctrl-C must not leave Flink behind


def build():
    """The release binary. Cargo says itself what it does; where the binary lies it says in JSON."""
    console.say("building weirkeeper (the first time takes some minutes)")
    command = ["cargo", "build", "--release", "--locked", "--package", "weirkeeper", "--bin", "weirkeeper"]
    command += ["--message-format", "json-render-diagnostics"]
    shown = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=False)
    built = [json.loads(line) for line in shown.stdout.splitlines() if line.startswith("{")]
    programs = [message["executable"] for message in built if message.get("executable")]
    if shown.returncode != 0 or not programs:
        raise LabError("weirkeeper could not be built; cargo's messages are above")
    return programs[-1]


def waves(start_ms):
    """The rate table of a day of rising and falling load."""
    table, at = [], start_ms
    while at < start_ms + TABLE_SECONDS * 1000:
        for rate, length in WAVES:
            table.append((at, rate * 1000))
            at += length * 1000
    return table


def seconds(text):
    """"90s", "5m", "1h" or plain seconds."""
    found = re.fullmatch(r"(\d+)([smh]?)", text)
    if found is None:
        raise LabError(f"--for takes a duration such as 90s or 5m; not {text!r}")
    return int(found.group(1)) * {"": 1, "s": 1, "m": 60, "h": 3600}[found.group(2)]


def _show(flink, program, work, limit, cleanup):
    record = _cluster(flink, cleanup)
    where = jobs.prepare(record, JOB, waves(control.now_ms() + control.LEAD_MS), {"cost-ms": "2"})
    (where / "job.json").write_text(json.dumps({"topic": None, "sink": "plain", "limit": None}))
    jobs.submit(record, JOB, {}, {})
    policies = work / "policies"
    policies.mkdir()
    (policies / "demo.yaml").write_text(POLICY)
    print(HEADER.format(flink=flink.version, url=record["url"], job=JOB, policy=policies / "demo.yaml"), flush=True)
    command = [program, "run", "--flink", record["url"], "--policies", str(policies)]
    command += ["--interval", "3s", "--state", str(work / "state.redb"), "--listen", f"127.0.0.1:{_listen_port()}"]
    return _watch(command, where, limit)


def _cluster(flink, cleanup):
    name = f"demo-{os.getpid()}"
    folder = cluster.folder_of(name)
    port = cluster.DEFAULT_PORT if ports.is_free(cluster.DEFAULT_PORT) else 0
    console.say("starting Flink")
    began = time.monotonic()
    record = cluster.up(name, folder, flink, TASKMANAGERS, SLOTS, port, True, {})
    cleanup.callback(cluster.remove, record)
    cluster.tell_up(record, time.monotonic() - began)
    return record


def _listen_port():
    return LISTEN_PORT if ports.is_free(LISTEN_PORT) else ports.free(1)[0]


def _watch(command, where, limit):
    """Weirkeeper in the foreground, until it ends, the time is up or a person interrupts."""
    done = threading.Event()
    teller = threading.Thread(target=_tell, args=(where, done), daemon=True)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    teller.start()
    try:
        code = process.wait(limit)
        console.say(f"weirkeeper ended by itself (exit {code})")
        return code or 1
    except subprocess.TimeoutExpired:
        console.say("the time is up; stopping")
        return 0
    finally:
        done.set()
        _stop(process)


def _stop(process):
    """Asks it to end, as Ctrl-C did if a person pressed it; kills it if it does not."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tell(where, done):
    """A line when the load changes and every so often, from the job's own books."""
    table = control.read_rates(where)
    last_rate, last_told = None, 0.0
    while not done.wait(1):
        now = control.now_ms()
        rate = next((milli // 1000 for at, milli in reversed(table) if at <= now), 0)
        if rate != last_rate or time.monotonic() - last_told >= STATUS_SECONDS:
            changed = "" if last_rate in (None, rate) else f"the load changes from {last_rate} to {rate} records/s; "
            console.say(changed + _books(where, rate))
            last_rate, last_told = rate, time.monotonic()


def _books(where, rate):
    figures = oracle.read(where)
    parallelism, waiting = figures["parallelism"], figures["unprocessed"]
    if parallelism is None or waiting is None:
        return f"{rate} records/s arrive; the job is (re)starting"
    return f"{rate} records/s arrive; enrich runs {parallelism} wide; {max(0, waiting)} records wait"


def _ignore_signals():
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def _signals_as_interrupt():
    """A terminal that closes, or a plain kill, must clean up as Ctrl-C does."""

    def interrupt(number, frame):
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in STOPS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
