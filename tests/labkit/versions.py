# SPDX-License-Identifier: Apache-2.0
"""Which versions of the real parts the lab knows, and what differs between them."""

from dataclasses import dataclass

from .errors import LabError


@dataclass(frozen=True)
class Flink:
    version: str
    download_mb: int
    # Since 2.0 the minimum between two rescales has another name.
    cooldown_option: str
    connector: str
    kafka_clients: str


FLINKS = {
    "2.2.1": Flink(
        "2.2.1", 312, "jobmanager.adaptive-scheduler.executing.cooldown-after-rescaling", "5.0.0-2.2", "4.2.0"
    ),
    "1.20.5": Flink("1.20.5", 232, "jobmanager.adaptive-scheduler.scaling-interval.min", "3.4.0-1.20", "3.4.0"),
}

ALIASES = {"2.x": "2.2.1", "2": "2.2.1", "2.2": "2.2.1", "1.x": "1.20.5", "1": "1.20.5", "1.20": "1.20.5"}

DEFAULT_FLINK = "2.2.1"

# 4.4.0 is published but one of its dependencies is not, so it does not resolve.
KAFKA = "4.1.2"
# The published broker has no logging binding and starts silent without one.
SLF4J_SIMPLE = "1.7.36"


def flink(name):
    """The Flink that a person means by "2.2.1", "2.2" or "2.x"."""
    found = FLINKS.get(ALIASES.get(name, name))
    if found is None:
        known = ", ".join(list(FLINKS) + list(ALIASES))
        raise LabError(f"unknown Flink version {name!r}; known are: {known}")
    return found
