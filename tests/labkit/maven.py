# SPDX-License-Identifier: Apache-2.0
"""Copies published jars into a folder, with Maven."""

import tempfile
from pathlib import Path

from . import cache, console, system
from .errors import LabError


def copy(name, wanted, folder):
    """Copies the wanted (group, artifact, version, with what it needs) into a folder."""
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
