# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a command against a simulator of its own.

Usage: ``python tests/tools/with_simulator.py COMMAND...``

Starts the simulator on a free port and without a rate limit, runs the command with the simulator's address and key in
its environment, stops the simulator, and exits as the command did.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLES = 4


@contextmanager
def simulator() -> Iterator[dict[str, str]]:
    """Start the simulator and yield the variables that it prints; stop it at the end."""
    command = [sys.executable, "-m", "simulator", "--port", "0", "--rate-limit", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            lines = [process.stdout.readline() for _ in range(VARIABLES)]
            yield dict(word.split("=", 1) for line in lines for word in shlex.split(line)[1:])
        finally:
            process.terminate()


def main() -> int:
    """Run the command given on the command line."""
    with simulator() as variables:
        return subprocess.run(sys.argv[1:], env=os.environ | variables, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
