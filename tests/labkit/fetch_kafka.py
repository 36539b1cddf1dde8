# SPDX-License-Identifier: Apache-2.0
"""Installs the broker's jars and Flink's official connector into the cache, with Maven."""

import tempfile
from pathlib import Path

from . import cache, console, system, versions
from .errors import LabError, MissingError

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
    return cache.install(BROKER, lambda folder: _copy(BROKER, wanted, folder))


def fetch_connector(flink):
    """Only the connector and the client: everything else that a job needs is in flink-dist."""
    name = connector_name(flink)
    wanted = [("org.apache.flink", "flink-connector-kafka", flink.connector, False)]
    wanted.append(("org.apache.kafka", "kafka-clients", flink.kafka_clients, False))
    return cache.install(name, lambda folder: _copy(name, wanted, folder))


def is_complete(flink):
    return cache.is_complete(BROKER) and cache.is_complete(connector_name(flink))


def _home(name):
    if not cache.is_complete(name):
        raise MissingError(f"{name} is not in the cache; get it with: tests/lab fetch --kafka")
    return cache.part(name)


def _copy(name, wanted, folder):
    system.require(maven=True)
    console.say(f"fetching {name} and what it needs, up to 45 MB")
    with tempfile.TemporaryDirectory(prefix=".maven-", dir=cache.root()) as work:
        pom = Path(work) / "pom.xml"
        pom.write_text(_pom(wanted))
        command = ["mvn", "--batch-mode", "--quiet", "--file", str(pom), "dependency:copy-dependencies"]
        command += [f"-DoutputDirectory={folder}", "-DincludeScope=runtime"]
        console.run(command, f"fetching {name}", watched=folder)
    if not any(folder.glob("*.jar")):
        raise LabError(f"Maven copied no jar for {name}")


def _pom(wanted):
    """A project that does nothing but depend."""
    dependencies = "".join(_dependency(*item) for item in wanted)
    return f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>dev.weirkeeper.lab</groupId>
  <artifactId>fetch</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>{dependencies}
  </dependencies>
</project>
"""


def _dependency(group, artifact, version, transitive):
    exclusions = "" if transitive else """
      <exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>"""
    return f"""
    <dependency>
      <groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version>{exclusions}
    </dependency>"""
