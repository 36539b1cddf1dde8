# SPDX-License-Identifier: Apache-2.0
"""Flink's configuration for a cluster of the lab."""

import json

# Settings under which a controller's reactions can be tested in seconds instead of minutes. What they
# change: REST caches for 3 s and fetches metrics every 10 s; a rescale waits 30 s after the last one;
# network buffers hide a minute of backlog; a lost TaskManager is noticed after 50 s, and with 600 s of
# web.timeout Flink 1.20 may serve no metrics for ten minutes after one.
FAST = {
    "web.refresh-interval": "200",
    "web.timeout": "10000",
    "metrics.fetcher.update-interval": "1000",
    "rest.cache.checkpoint-statistics.timeout": "500 ms",
    "taskmanager.network.memory.buffer-debloat.enabled": "true",
    "heartbeat.interval": "2000",
    "heartbeat.timeout": "8000",
    "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
}

# Small, because several clusters run side by side on a laptop or in CI.
MEMORY = {
    "jobmanager.memory.process.size": "1024m",
    "taskmanager.memory.process.size": "1152m",
}


def options(flink, folder, ports, slots, fast, extra):
    """All options of one cluster, flat."""
    chosen = {**_addresses(*ports), **_folders(folder), **MEMORY}
    chosen["jobmanager.scheduler"] = "adaptive"
    chosen["execution.checkpointing.interval"] = "5 s"
    chosen["taskmanager.numberOfTaskSlots"] = str(slots)
    if fast:
        chosen.update(FAST)
        chosen[flink.cooldown_option] = "1 s"
    chosen.update(extra)
    return chosen


def write(folder, chosen):
    """Both Flink lines accept flat dotted keys in config.yaml."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(f"{key}: {json.dumps(str(value))}\n" for key, value in sorted(chosen.items()))
    (folder / "config.yaml").write_text(lines)
    (folder / "log4j.properties").write_text(LOG4J)


def _addresses(rest_port, rpc_port):
    """Everything on the loopback interface; only two ports have to be known in advance."""
    local = ("jobmanager.rpc.address", "jobmanager.bind-host", "taskmanager.host", "taskmanager.bind-host")
    local += ("rest.address", "rest.bind-address")
    chosen = {key: "127.0.0.1" for key in local}
    chosen.update({"rest.port": rest_port, "rest.bind-port": rest_port, "jobmanager.rpc.port": rpc_port})
    any_port = ("blob.server.port", "metrics.internal.query-service.port", "taskmanager.rpc.port", "taskmanager.data.port")
    chosen.update({key: "0" for key in any_port})
    return chosen


def _folders(folder):
    return {
        "execution.checkpointing.dir": f"file://{folder}/checkpoints",
        "execution.checkpointing.savepoint-dir": f"file://{folder}/savepoints",
        "io.tmp.dirs": f"{folder}/tmp",
        "web.tmpdir": f"{folder}/tmp",
        "blob.storage.directory": f"{folder}/tmp",
    }


LOG4J = """\
rootLogger.level = INFO
rootLogger.appenderRef.file.ref = File
appender.file.name = File
appender.file.type = FILE
appender.file.fileName = ${sys:log.file}
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %-60c %x - %m%n
logger.pekko.name = org.apache.pekko
logger.pekko.level = WARN
logger.kafka.name = org.apache.kafka
logger.kafka.level = WARN
"""
