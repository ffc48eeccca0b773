# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a command and print, as JSON, the seconds it took, and the KiB that the largest of its processes had.

Usage: ``python measure.py COMMAND...``; what the command prints goes to the standard error.

A process of its own, and a small one: Linux counts to a process what the one had that started it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

started = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=sys.stderr)
# Popen's own wait() does not tell what the process took.
_pid, status, usage = os.wait4(process.pid, 0)
seconds = time.perf_counter() - started
process.returncode = os.waitstatus_to_exitcode(status)
print(json.dumps([seconds, usage.ru_maxrss]))
sys.exit(process.returncode)
