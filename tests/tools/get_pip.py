# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put pip into a virtual environment with what Python brings.

Stands in for the script of that name that ansible-test would download, and takes its options.
"""

from __future__ import annotations

import subprocess
import sys

# Options of the downloaded script that pip does not know.
arguments = [argument for argument in sys.argv[1:] if argument not in {"--no-setuptools", "--no-wheel"}]
subprocess.run([sys.executable, "-m", "ensurepip"], check=True)
sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", *arguments]))
