# SPDX-License-Identifier: Apache-2.0
"""JVM flags and memory arguments of a Flink process, computed by Flink itself and remembered.

The TaskManager's main class insists on them; Flink's shell scripts compute them with BashJavaUtils. That
costs a JVM start, and the answer depends on a few options only, so it is kept in the cache.
"""

import hashlib
import json
import subprocess

from . import cache, system
from .errors import LabError

PREFIX = "BASH_JAVA_UTILS_EXEC_RESULT:"
RELEVANT = ("memory", "numberOfTaskSlots", "cpu.cores")


def arguments(flink_home, conf_folder, options, role):
    """(JVM flags, arguments after the main class) for role "jobmanager" or "taskmanager"."""
    relevant = {key: value for key, value in options.items() if any(word in key for word in RELEVANT)}
    identity = json.dumps([flink_home.name, role, relevant], sort_keys=True)
    file = cache.root() / "memory" / f"{hashlib.sha256(identity.encode()).hexdigest()[:16]}.json"
    if file.is_file():
        return json.loads(file.read_text())
    lines = _ask(flink_home, conf_folder, "GET_JM_RESOURCE_PARAMS" if role == "jobmanager" else "GET_TM_RESOURCE_PARAMS")
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(f".{id(lines)}.new")
    fresh.write_text(json.dumps(lines))
    fresh.replace(file)
    return lines


def _ask(flink_home, conf_folder, question):
    dist = next((flink_home / "lib").glob("flink-dist-*.jar"))
    classpath = f"{flink_home / 'bin' / 'bash-java-utils.jar'}:{dist}"
    command = [system.java(), "-XX:TieredStopAtLevel=1", "-cp", classpath]
    command += ["org.apache.flink.runtime.util.bash.BashJavaUtils", question, "--configDir", str(conf_folder)]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line[len(PREFIX):].split() for line in shown.stdout.splitlines() if line.startswith(PREFIX)]
    if len(lines) != 2:
        raise LabError(f"Flink refuses the memory settings:\n{(shown.stdout + shown.stderr)[-2000:]}")
    return lines
