# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a command against a simulator of its own.

Usage: ``python tests/tools/with_simulator.py COMMAND...``

Serves the simulator on a free port, without a rate limit, as long as the command runs, with the simulator's address
and key in the command's environment. Exits as the command did.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from simulator import Simulator


def main() -> int:
    """Run the command given on the command line."""
    with Simulator(rate_limit="0") as simulator:
        return subprocess.run(sys.argv[1:], env=os.environ | simulator.environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
