# SPDX-License-Identifier: Apache-2.0
"""The lab's command line: what can be asked, and who answers."""

import argparse
import sys

from . import cluster, commands, control, versions
from .errors import LabError

EPILOG = """\
Typical play:
  tests/lab fetch                      get Flink 2.2.1 into the cache
  tests/lab up                         a cluster at http://127.0.0.1:8081
  tests/lab submit --rate 300          the job lab-job with 300 records/s
  tests/lab load 1200                  four times the load
  tests/lab oracle                     what came in, what was done, whether anything was lost
  tests/lab down                       stop it, delete its folder

The cache is WEIRKEEPER_CACHE, else weirkeeper/ in XDG_CACHE_HOME or ~/.cache.
Exit codes: 0 done, 1 could not be done (or, for oracle --wait, not exact), 2 wrong usage,
3 something is missing from the machine or the cache. Results go to stdout (-o json for programs),
progress and errors to stderr.
"""


def main(argv=None):
    args = _parser().parse_args(argv)
    try:
        return args.run(args) or 0
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


def _parser():
    parser = argparse.ArgumentParser(
        prog="tests/lab", description=__import__("labkit").__doc__, epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_subparsers(metavar="COMMAND", required=True).add_parser
    _fetch(_command(add, "fetch", commands.fetch, "get the real parts into the cache"))
    _up(_command(add, "up", commands.up, "start a cluster and wait until its slots are there", cluster_choice=True))
    _submit(_command(add, "submit", commands.submit, "run the workload on a cluster", job_name=True))
    _simple(add)
    _broker(add)
    _demo(_command(add, "demo", commands.demo, "watch Weirkeeper keep a live job at the right size"))
    return parser


def _command(add, name, run, summary, cluster_choice=False, job=False, job_name=False, epilog=None):
    command = add(
        name, help=summary, description=summary[0].upper() + summary[1:] + ".", epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=run)
    command.add_argument("-o", "--output", choices=("text", "json"), default="text", help="form of the result")
    if cluster_choice or job or job_name:
        command.add_argument("--name", default=cluster.DEFAULT_NAME, help="which cluster (default: %(default)s)")
        command.add_argument("--dir", help="the cluster's folder, if it is not under the cache")
    if job or job_name:
        command.add_argument("--job-name" if job_name else "--job", dest="job", default="lab-job", help="default: %(default)s")
    return command


def _fetch(command):
    command.add_argument("--flink", action="append", help=f"a version: {', '.join(versions.FLINKS)}, 2.x, 1.20; repeatable")
    command.add_argument("--kafka", action="store_true", help="the broker and the connectors too")
    command.add_argument("--all", action="store_true", help="both Flink versions and Kafka")
    command.add_argument("--check-system", action="store_true", help="only name what the machine lacks for it (exit 3)")
    command.add_argument("--check", action="store_true", help="download nothing; exit 3 if a part is missing")


def _up(command):
    command.add_argument("--flink", default=versions.DEFAULT_FLINK, help="default: %(default)s")
    command.add_argument("--taskmanagers", type=_at_least(0), default=2, metavar="K", help="default: %(default)s")
    command.add_argument("--slots", type=_at_least(1), default=2, metavar="S", help="per TaskManager (default: %(default)s)")
    command.add_argument("--port", type=_port, default=cluster.DEFAULT_PORT, help="default: %(default)s; 0: a free one")
    command.add_argument("--prometheus", action="store_true", help="a Prometheus beside it that scrapes its metrics")
    command.add_argument("--defaults", action="store_true", help="leave Flink's defaults instead of settings for quick tests")
    command.add_argument("--conf", action="append", default=[], metavar="KEY=VALUE", type=_pair, help="a Flink option; repeatable")


def _submit(command):
    load = command.add_mutually_exclusive_group()
    load.add_argument("--rate", type=float, default=300, help="records/s that arrive (default: %(default)s)")
    load.add_argument("--rates", help="SECONDS:RATE,... from the start, such as 0:300,75:1200,255:300")
    command.add_argument("--backlog", type=float, default=0, metavar="SECONDS", help="arrivals began so long before the start")
    command.add_argument("--parallelism", default="source=1,enrich=1,sink=1",
                         help="0 leaves it to the submission; default: %(default)s")
    command.add_argument("--max-parallelism", type=_at_least(1), default=128, help="default: %(default)s")
    command.add_argument("--partitions", type=_at_least(1), default=8, help="of the source; must divide 840 (default: %(default)s)")
    command.add_argument("--keys", type=_at_least(1), help="about so many keys (default: about 800)")
    command.add_argument("--bounded", type=_at_least(1), metavar="RECORDS", help="a source that ends after so many")
    command.add_argument("--cost-ms", type=float, default=2.0, help="per record in enrich (default: %(default)s = 500 records/s)")
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", type=_pair, help="a switch; see switch --help")
    command.add_argument("--checkpoint", help="interval, such as 5s (default: the cluster's, 5 s)")
    command.add_argument("--conf", action="append", default=[], metavar="KEY=VALUE", type=_pair, help="an option of the job; repeatable")
    command.add_argument("--savepoint", metavar="PATH", help="start from it; keeps the load and switches of the job before")
    command.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="until all its tasks run")
    command.add_argument("--kafka", metavar="TOPIC", help="read this topic (created and fed by the lab) with Flink's own connector")
    command.add_argument("--sink", choices=("plain", "kafka-eos", "kafka-alo"), default="plain", help="exactly-once or at-least-once")
    command.add_argument("--source-conf", action="append", default=[], metavar="KEY=VALUE", type=_pair, help="of the Kafka source")
    command.add_argument("--sink-conf", action="append", default=[], metavar="KEY=VALUE", type=_pair, help="of the Kafka sink's producer")


def _simple(add):
    load = _command(add, "load", commands.load, "change the arrival rate, from about a second from now", job=True)
    load.add_argument("rate", type=float, metavar="RATE", help="records per second")
    switches = "\n".join(f"  {key:18} {meaning}" for key, meaning in control.SWITCHES.items())
    switch = _command(
        add, "switch", commands.switch, "change what the running job does", job=True, epilog=f"switches:\n{switches}"
    )
    switch.add_argument("key", metavar="KEY")
    switch.add_argument("value", metavar="VALUE")
    oracle = _command(add, "oracle", commands.oracle, "print what came in, what was done, what was lost", job=True)
    oracle.add_argument("--wait", type=float, metavar="SECONDS", help="wait until all counts agree; exit 1 if they do not")
    oracle.add_argument("--drain", action="store_true", help="first set the arrival rate to 0 (with --wait)")
    rescale = _command(add, "rescale", commands.rescale, "change parallelism by hand, as a person would", job=True)
    rescale.add_argument("vertices", metavar="VERTEX=P", nargs="+", type=_pair, help="source, enrich, sink or a full name")
    rescale.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="until it runs so")
    killed = _command(add, "kill-taskmanager", commands.kill_taskmanager, "kill -9 one TaskManager", cluster_choice=True)
    which = killed.add_mutually_exclusive_group()
    which.add_argument("--index", type=int, default=0, help="among the living (default: %(default)s)")
    which.add_argument("--of", metavar="JOB", help="one that runs a task of this job (enrich's first)")
    _command(add, "start-taskmanager", commands.start_taskmanager, "add one TaskManager", cluster_choice=True)
    status = _command(add, "status", commands.status, "show clusters, processes and jobs", cluster_choice=True)
    status.set_defaults(name=None)
    down = _command(add, "down", commands.down, "stop a cluster and delete its folder", cluster_choice=True)
    down.add_argument("--all", action="store_true", help="every cluster in the cache")


def _broker(add):
    command = _command(add, "broker", commands.broker, "run, freeze or kill a Kafka broker beside a cluster", cluster_choice=True)
    command.add_argument(
        "action", choices=("up", "down", "kill", "freeze", "thaw", "status", "partitions", "count"),
        help="kill keeps its data for the next up; partitions and count want --topic",
    )
    command.add_argument("--topic")
    command.add_argument("--partitions", type=_at_least(1), help="new number of partitions (action partitions)")


def _demo(command):
    command.add_argument("--flink", default=versions.DEFAULT_FLINK, help="default: %(default)s")
    command.add_argument("--for", dest="duration", help="stop by itself after, such as 5m (default: until Ctrl-C)")


def _pair(text):
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, value


def _port(text):
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (0 to 65535)")
    return int(text)


def _at_least(lowest):
    def number(text):
        value = int(text)
        if value < lowest:
            raise argparse.ArgumentTypeError(f"{text} is below {lowest}")
        return value

    return number
