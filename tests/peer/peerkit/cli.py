# SPDX-License-Identifier: Apache-2.0
"""The command line."""

import argparse
import json
import os
import sys
from pathlib import Path

from labkit import console, demo, versions
from labkit.errors import LabError

from . import comparison, contenders, host, measure

EPILOG = """\
  tests/peer/run build                          fetch the library and compile its host
  tests/peer/run host --flink URL --settings fast    run it against a Flink (or a simulated one) until Ctrl-C
  tests/peer/run measure                        both contenders with fast settings on a real Flink (about 20 minutes)
  tests/peer/run measure --url URL --job NAME   the same on a REST server that runs already, such as a simulated one
  tests/peer/run comparison                     measure, and write docs/comparison.md from it

Exit codes: 0 done, 1 could not be done, 2 wrong usage, 3 something is missing from the machine or the cache.
"""
# Load of each kind of settings: seconds:records/s. Default settings need 20 minutes of metrics before they act at all.
RATES = {"fast": "0:300,75:1200,255:300", "default": "0:300,1320:1200"}


def main(argv=None):
    args = _parser().parse_args(argv)
    try:
        return args.run(args) or 0
    except LabError as error:
        print(f"peer: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


def _parser():
    parser = argparse.ArgumentParser(
        prog="tests/peer/run", description=__import__("peerkit").__doc__, epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_subparsers(metavar="COMMAND", required=True).add_parser
    _command(add, "build", _build, "fetch the library and compile its host")
    run = _command(add, "host", _host, "run it until Ctrl-C")
    run.add_argument("--flink", required=True, metavar="URL")
    run.add_argument("--settings", choices=tuple(contenders.PEER), default="default")
    run.add_argument("--option", action="append", default=[], metavar="KEY=VALUE", help="over the settings; repeatable")
    _measuring(_command(add, "measure", _measure, "measure contenders, one after the other"))
    compare = _command(add, "comparison", _comparison, "measure, and write docs/comparison.md")
    _measuring(compare)
    compare.add_argument("--from", dest="results", metavar="FILE", help="results of `measure`, instead of measuring")
    compare.add_argument("--simulated", metavar="FILE", help="JSON of `weirkeeper simulate`, for its own table")
    return parser


def _command(add, name, run, text):
    command = add(name, help=text)
    command.set_defaults(run=run)
    return command


def _measuring(command):
    command.add_argument("--contender", action="append", choices=contenders.NAMES, help="default: all")
    command.add_argument("--settings", action="append", choices=tuple(RATES), help="repeatable; default: fast")
    command.add_argument("--flink", default=versions.DEFAULT_FLINK, help="version of the lab's Flink (default: %(default)s)")
    command.add_argument("--rates", help="SECONDS:RATE,... instead of the usual load")
    command.add_argument("--url", help="a REST server that runs already, instead of the lab's Flink")
    command.add_argument("--job", default=measure.JOB, help="the job there (default: %(default)s)")
    command.add_argument("--for", dest="seconds", type=float, default=300, metavar="SECONDS", help="how long, with --url")
    command.add_argument("--each", type=float, help="records/s of one subtask, with --url, where it is known")
    command.add_argument("--repeat", type=int, default=1, help="times (default: %(default)s)")
    command.add_argument("-o", "--output", metavar="FILE", help="results as JSON (default: stdout)")


def _build(args):
    print(host.build())


def _host(args):
    interval, options = contenders.PEER[args.settings]
    more = dict(option.split("=", 1) for option in args.option)
    command = host.command(args.flink.rstrip("/"), interval, {**options, **more})
    os.execv(command[0], command)


def _program(names):
    """Weirkeeper's binary: WEIRKEEPER_BIN, else built."""
    if "weirkeeper" not in names:
        return None
    return os.environ.get("WEIRKEEPER_BIN") or demo.build()


def _results(args):
    names = args.contender or list(contenders.NAMES)
    program = _program(names)
    results = []
    for settings in args.settings or ["fast"]:
        for _ in range(args.repeat):
            for name in names:
                results.append(_one(args, name, settings, program))
                console.say(json.dumps(results[-1]))
    return results


def _one(args, name, settings, program):
    if args.url:
        return measure.on_url(name, settings, args.url.rstrip("/"), args.job, args.seconds, args.each, program)
    return measure.on_lab(name, settings, args.rates or RATES[settings], args.flink, program)


def _measure(args):
    text = json.dumps({"results": _results(args)}, indent=1) + "\n"
    if args.output:
        Path(args.output).write_text(text)
    else:
        print(text, end="")


def _comparison(args):
    if args.results:
        results = json.loads(Path(args.results).read_text())["results"]
    else:
        results = _results(args)
        if args.output:
            Path(args.output).write_text(json.dumps({"results": results}, indent=1) + "\n")
    simulated = json.loads(Path(args.simulated).read_text()) if args.simulated else None
    print(comparison.write(results, simulated))
