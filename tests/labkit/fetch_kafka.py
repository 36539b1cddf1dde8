# SPDX-License-Identifier: Apache-2.0
"""Installs the broker's jars and Flink's official connector into the cache, with Maven."""

from . import cache, maven, versions
from .errors import MissingError

BROKER = f"kafka-{versions.KAFKA}"


def connector_name(flink):
    return f"connector-kafka-{flink.connector}"


def broker_home():
    return _home(BROKER)


def connector_jars(flink):
    return sorted(_home(connector_name(flink)).glob("*.jar"))


def fetch_broker():
    """Downloads the broker if it is missing. Returns whether it was."""
    wanted = [("org.apache.kafka", "kafka_2.13", versions.KAFKA, True)]
    wanted.append(("org.slf4j", "slf4j-simple", versions.SLF4J_SIMPLE, True))
    return cache.install(BROKER, lambda folder: maven.copy(BROKER, wanted, folder))


def fetch_connector(flink):
    """Only the connector and the client: everything else that a job needs is in flink-dist."""
    name = connector_name(flink)
    wanted = [("org.apache.flink", "flink-connector-kafka", flink.connector, False)]
    wanted.append(("org.apache.kafka", "kafka-clients", flink.kafka_clients, False))
    return cache.install(name, lambda folder: maven.copy(name, wanted, folder))


def is_complete(flink):
    return cache.is_complete(BROKER) and cache.is_complete(connector_name(flink))


def _home(name):
    if not cache.is_complete(name):
        raise MissingError(f"{name} is not in the cache; get it with: tests/lab fetch --kafka")
    return cache.part(name)
