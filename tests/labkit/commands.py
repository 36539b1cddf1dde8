# SPDX-License-Identifier: Apache-2.0
"""One function per subcommand: turns arguments into calls and prints the result."""

import json
import time

from . import cache, cluster, console, control, fetch_flink, fetch_kafka, jobs, oracle as truth, processes, rest, system, versions
from .errors import LabError, MissingError


def fetch(args):
    names = list(versions.FLINKS) if args.all else args.flink or [versions.DEFAULT_FLINK]
    flinks = [versions.flink(name) for name in names]
    kafka = args.kafka or args.all
    if args.check:
        _check(flinks, kafka)
    else:
        _require_for(flinks, kafka)
        if args.check_system:
            return
        _install(flinks, kafka)
    console.result(args, {"cache": str(cache.root()), "missing": []}, f"everything asked for is in {cache.root()}")


def _require_for(flinks, kafka):
    """What is missing on the machine for what is missing in the cache."""
    pip = any(not cache.is_complete(fetch_flink.part_name(flink)) for flink in flinks)
    maven = kafka and not all(fetch_kafka.is_complete(flink) for flink in versions.FLINKS.values())
    system.require(pip=pip, maven=maven)


def _install(flinks, kafka):
    cache.root().mkdir(parents=True, exist_ok=True)
    for flink in flinks:
        fetch_flink.fetch(flink)
    if kafka:
        fetch_kafka.fetch_broker()
        for flink in versions.FLINKS.values():
            fetch_kafka.fetch_connector(flink)


def _check(flinks, kafka):
    wanted = [fetch_flink.part_name(flink) for flink in flinks]
    if kafka:
        wanted += [fetch_kafka.BROKER, *map(fetch_kafka.connector_name, versions.FLINKS.values())]
    missing = [name for name in wanted if not cache.is_complete(name)]
    if missing:
        raise MissingError(f"not in the cache: {', '.join(missing)}; get them with: tests/lab fetch")


def up(args):
    began = time.monotonic()
    record = cluster.up(
        args.name, cluster.folder_of(args.name, args.dir), versions.flink(args.flink), args.taskmanagers,
        args.slots, args.port, not args.defaults, dict(args.conf), args.prometheus,
    )
    cluster.tell_up(record, time.monotonic() - began)
    console.result(args, record, record["url"])


def submit(args):
    record = _cluster(args)
    started = control.now_ms() + control.LEAD_MS
    first = started - round(args.backlog * 1000)
    table = control.parse_rates(args.rates or f"0:{args.rate}", first)
    switches = control.initial_switches([("cost-ms", str(args.cost_ms)), *args.set])
    where = control.existing(record, args.job) if args.savepoint else jobs.prepare(record, args.job, table, switches)
    arguments = _job_arguments(args)
    if args.kafka or args.sink != "plain":
        from . import kafka

        arguments.update(kafka.prepare(args, cluster.folder_of(args.name, args.dir), record, where))
    settings = {"topic": args.kafka, "sink": args.sink, "limit": args.bounded}
    (where / "job.json").write_text(json.dumps(settings))
    conf = dict(args.conf)
    if args.checkpoint:
        conf["execution.checkpointing.interval"] = args.checkpoint
    uses_kafka = bool(args.kafka) or args.sink != "plain"
    job_id = jobs.submit(record, args.job, arguments, conf, uses_kafka, args.savepoint)
    if args.wait:
        jobs.wait_running(record["url"], job_id, args.wait)
    value = {"job_id": job_id, "job": args.job, "url": record["url"], "control": str(where), "starts_at_ms": table[0][0]}
    console.result(args, value, job_id)


def _job_arguments(args):
    arguments = {"max-parallelism": args.max_parallelism, "partitions": args.partitions, "sink": args.sink}
    for entry in args.parallelism.split(","):
        vertex, _, number = entry.partition("=")
        if vertex not in ("source", "enrich", "sink") or not number.isdigit():
            raise LabError(f"--parallelism takes source=P,enrich=P,sink=P, 0 for the submission's; not {entry!r}")
        arguments[f"{vertex}-parallelism"] = number
    if 840 % args.partitions:
        raise LabError(f"--partitions must divide 840 (1 to 8, 10, 12, 14, 15, 20, ...), so that keys keep their order: {args.partitions}")
    if args.keys:
        arguments["key-groups"] = max(1, args.keys // args.partitions)
    if args.bounded:
        arguments["limit"] = args.bounded
    return arguments


def load(args):
    where = control.existing(_cluster(args), args.job)
    at = control.change_rate(where, args.rate)
    console.result(args, {"effective_at_ms": at, "rate": args.rate}, f"{args.rate:g} records/s from {at} (epoch ms) on")


def switch(args):
    where = control.existing(_cluster(args), args.job)
    control.set_switch(where, args.key, args.value)
    console.result(args, control.read_switches(where), f"{args.key} = {args.value}")


def oracle(args):
    where = control.existing(_cluster(args), args.job)
    if args.drain:
        at = control.change_rate(where, 0)
        time.sleep(max(0, at - control.now_ms()) / 1000)
    figures = truth.wait_exact(where, args.wait) if args.wait else truth.read(where)
    # Always JSON: it is the figures that are wanted.
    print(json.dumps(figures, indent=None if args.output == "json" else 2))
    return 1 if args.wait and not figures["exact"] else 0


def rescale(args):
    record = _cluster(args)
    job = rest.running_job(record["url"], args.job)
    if job is None:
        raise LabError(f"no running job {args.job!r} on {record['url']}")
    wanted = {vertex: int(parallelism) for vertex, parallelism in args.vertices}
    asked = jobs.rescale(record["url"], job["jid"], wanted)
    if args.wait:
        jobs.wait_parallelism(record["url"], job["jid"], asked, args.wait)
    console.result(args, {"job_id": job["jid"], "asked": asked}, ", ".join(f"{k} -> {v}" for k, v in asked.items()))


def kill_taskmanager(args):
    record = _cluster(args)
    index = _index_of_host(record, args.of) if args.of else args.index
    killed = cluster.kill_taskmanager(record, index)
    console.result(args, killed, f"killed {killed['resource_id']} (pid {killed['pid']})")


def _index_of_host(record, name):
    """Where the first subtask of enrich runs: killing any other TaskManager may leave the job untouched."""
    job = rest.running_job(record["url"], name)
    if job is None:
        raise LabError(f"no running job {name!r} on {record['url']}")
    host = jobs.host_of(record["url"], job["jid"], "enrich")
    return cluster.index_of(record, host)


def start_taskmanager(args):
    started = cluster.start_taskmanager(_cluster(args))
    console.result(args, started, f"{started['resource_id']} is registered (pid {started['pid']})")


def broker(args):
    from . import kafka

    return kafka.command(args, cluster.folder_of(args.name, args.dir))


def status(args):
    chosen = [args.name] if args.name or args.dir else cluster.names()
    shown = [_describe(cluster.load(cluster.folder_of(name or "", args.dir))) for name in chosen]
    console.result(args, {"clusters": shown}, "\n".join(map(_as_text, shown)) or "no cluster is up")


def _describe(record):
    names = ["jobmanager", *(p["resource_id"] for p in record["processes"]["taskmanagers"])]
    listed = [
        {"role": name, "pid": process["pid"], "rss_mib": processes.memory_mib(process)}
        for name, process in zip(names, cluster.all_processes(record))
    ]
    overview = rest.attempt(f"{record['url']}/jobs/overview") if cluster.is_alive(record) else None
    keys = ("jid", "name", "state")
    running = None if overview is None else [{key: job[key] for key in keys} for job in overview["jobs"]]
    return {
        "name": record["name"], "url": record["url"], "flink": record["flink"], "dir": record["dir"],
        "alive": overview is not None, "processes": listed, "jobs": running,
    }


def _as_text(shown):
    state = "" if shown["alive"] else "  (does not answer)"
    lines = [f"{shown['name']}: Flink {shown['flink']} at {shown['url']}{state}"]
    for process in shown["processes"]:
        memory = "gone" if process["rss_mib"] is None else f"{process['rss_mib']} MiB"
        lines.append(f"  {process['role']:12} pid {process['pid']:<8} {memory}")
    lines += [f"  job {job['jid']} {job['name']} {job['state']}" for job in shown["jobs"] or []]
    return "\n".join(lines)


def down(args):
    from . import broker as brokers

    folders = [cluster.folder_of(args.name, args.dir)]
    if args.all:
        folders = [cluster.folder_of(name) for name in {*cluster.names(), *brokers.names()}]
    stopped = []
    for folder in folders:
        if (folder / "cluster.json").is_file():
            cluster.remove(cluster.load(folder))
            stopped.append(folder.name)
        brokers.remove(brokers.folder_of(folder))
    console.result(args, {"stopped": stopped}, f"stopped: {', '.join(stopped) or 'nothing was up'}")


def demo(args):
    from . import demo as show

    return show.run(args)


def _cluster(args):
    record = cluster.load(cluster.folder_of(args.name, args.dir))
    if not cluster.is_alive(record):
        raise LabError(f"the JobManager of cluster {record['name']!r} has ended\n{cluster.tail(record)}")
    return record
