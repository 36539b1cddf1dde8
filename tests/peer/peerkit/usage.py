# SPDX-License-Identifier: Apache-2.0
"""CPU and memory of a process, from /proc."""

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def read(pid):
    """{"cpu_s", "rss_mib", "peak_mib"}, or None if it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    fields = stat[stat.rindex(")") + 2:].split()
    figures = {"cpu_s": (int(fields[11]) + int(fields[12])) / TICKS}
    for line in status.splitlines():
        if line.startswith(("VmRSS:", "VmHWM:")):
            figures["rss_mib" if line.startswith("VmRSS:") else "peak_mib"] = round(int(line.split()[1]) / 1024, 1)
    return figures
