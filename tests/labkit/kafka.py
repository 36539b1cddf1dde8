# SPDX-License-Identifier: Apache-2.0
"""What the lab does with a running broker: topics, the producer that feeds one, counting."""

import json
import subprocess
from pathlib import Path

from . import broker, console, fetch_kafka, processes, versions, workload
from .errors import LabError

# Tools start a JVM and may have to wait out the client's own 15 s.
TOOL_TIMEOUT = 60
OUT_PARTITIONS = 4


def prepare(args, cluster_folder, cluster, where):
    """Topics and producer for a submission. Returns the job's further arguments."""
    record = broker.load(broker.folder_of(cluster_folder))
    arguments = {"bootstrap": record["bootstrap"]}
    topics = {}
    if args.kafka:
        arguments["topic"] = args.kafka
        topics[args.kafka] = args.partitions
    if args.sink != "plain":
        arguments["out-topic"] = f"{args.job}-out"
        topics[arguments["out-topic"]] = OUT_PARTITIONS
    arguments.update({f"source-conf.{key}": value for key, value in args.source_conf})
    arguments.update({f"sink-conf.{key}": value for key, value in args.sink_conf})
    flink = versions.flink(cluster["flink"])
    if not args.savepoint:
        _tool(flink, "create", record["bootstrap"], *(f"{topic}={count}" for topic, count in topics.items()))
        if args.kafka:
            _start_producer(record, flink, where, args)
    return arguments


def command(args, cluster_folder):
    folder = broker.folder_of(cluster_folder)
    if args.action == "up":
        record = broker.up(folder)
        console.result(args, record, record["bootstrap"])
    elif args.action == "down":
        broker.remove(folder)
        console.result(args, {"stopped": True}, "the broker is gone, and its data")
    else:
        _with_broker(args, broker.load(folder))


def _with_broker(args, record):
    if args.action == "kill":
        broker.kill(record)
    elif args.action in ("freeze", "thaw"):
        broker.freeze(record, args.action == "freeze")
    elif args.action != "status":
        _with_topic(args, record)
        return
    console.result(args, _describe(record), f"{record['bootstrap']} {'alive' if broker.is_alive(record) else 'dead'}")


def _with_topic(args, record):
    if not args.topic:
        raise LabError(f"broker {args.action} wants --topic")
    flink = versions.flink(versions.DEFAULT_FLINK)
    if args.action == "count":
        print(_tool(flink, "count", record["bootstrap"], args.topic).strip())
        return
    if not args.partitions:
        raise LabError("broker partitions wants --partitions N")
    _tool(flink, "partitions", record["bootstrap"], args.topic, str(args.partitions))
    console.result(args, {"topic": args.topic, "partitions": args.partitions}, f"{args.topic}: {args.partitions} partitions")


def _describe(record):
    producers = {topic: processes.is_alive(process) for topic, process in record["producers"].items()}
    memory = processes.memory_mib(record["broker"]) if record.get("broker") else None
    return {"bootstrap": record["bootstrap"], "alive": broker.is_alive(record), "rss_mib": memory, "producers": producers}


def _start_producer(record, flink, where, args):
    words = ["dev.weirkeeper.lab.Producer", "--control", where, "--bootstrap", record["bootstrap"], "--topic", args.kafka]
    words += ["--partitions", args.partitions, "--max-parallelism", args.max_parallelism]
    if args.bounded:
        words += ["--limit", args.bounded]
    if args.keys:
        words += ["--key-groups", max(1, args.keys // args.partitions)]
    line = _java(flink, *map(str, words))
    record["producers"][args.kafka] = processes.start(line, Path(record["dir"]) / f"producer-{args.job}.log", cwd=record["dir"])
    broker.save(record)


def _tool(flink, *words):
    line = _java(flink, "dev.weirkeeper.lab.Topics", *words)
    try:
        shown = subprocess.run(line, capture_output=True, text=True, timeout=TOOL_TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        raise LabError(f"the broker did not answer within {TOOL_TIMEOUT} s: {' '.join(words)}") from None
    if shown.returncode != 0:
        hint = "; choose a new name" if "already exists" in shown.stderr else ""
        raise LabError(f"the broker refuses {' '.join(words)}: {shown.stderr.strip()[-1000:]}{hint}")
    return shown.stdout


def _java(flink, *words):
    """The lab's own classes first, then the broker's jars; flink-dist for the arithmetic of key groups."""
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    classpath = ":".join([str(workload.jar(flink, kafka=True)), f"{fetch_kafka.broker_home()}/*", str(workload.flink_jar(flink))])
    return [broker.system.java(), *broker.JVM, quiet, "-cp", classpath, *words]
