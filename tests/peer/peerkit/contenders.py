# SPDX-License-Identifier: Apache-2.0
"""Who is measured, and with which settings."""

from . import host

# What the peer was tried with for quick answers, and what of Weirkeeper's settings is comparable to it.
PEER = {
    "fast": (5_000, {
        "job.autoscaler.stabilization.interval": "10s",
        "job.autoscaler.metrics.window": "30s",
        "job.autoscaler.scale-down.interval": "30s",
        "job.autoscaler.catch-up.duration": "60s",
        "job.autoscaler.restart.time": "5s",
    }),
    "default": (10_000, {}),
}

WEIRKEEPER = {
    "fast": ("5s", """\
scaling:
  window: 20s
  warmUp: 10s
  lagObjective: 10s
  catchUp: 60s
  scaleDown: { after: 30s, minSaving: 20% }
  cooldown: { up: 15s, down: 30s }
limits: { perJob: { count: 100, per: 1h }, perFleet: { count: 100, per: 10m } }
"""),
    "default": ("15s", ""),
}

POLICY = """\
apiVersion: weirkeeper.dev/v1
kind: Policy
metadata: {{ name: measured }}
match: {{ jobs: ["{job}"] }}
mode: auto
{scaling}"""

NAMES = ("peer", "weirkeeper")


def command(name, settings, url, job, work, program, listen):
    """The command line of a contender; `work` is an empty folder of its own."""
    if name == "peer":
        interval, options = PEER[settings]
        return host.command(url, interval, options)
    interval, scaling = WEIRKEEPER[settings]
    policies = work / "policies"
    policies.mkdir()
    (policies / "measured.yaml").write_text(POLICY.format(job=job, scaling=scaling))
    call = [str(program), "run", "--flink", url, "--policies", str(policies), "--interval", interval]
    return [*call, "--state", str(work / "state.redb"), "--listen", f"127.0.0.1:{listen}"]
