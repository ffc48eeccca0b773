# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put pip into a virtual environment, as the script that ansible-test downloads would, but with what Python brings."""

from __future__ import annotations

import ensurepip
import os
import subprocess
import sys

ensurepip.bootstrap()
# ensurepip leaves pip's configuration switched off.
os.environ.pop("PIP_CONFIG_FILE", None)
# Options of the downloaded script that pip does not know.
arguments = [argument for argument in sys.argv[1:] if argument not in {"--no-setuptools", "--no-wheel"}]
sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", *arguments]))
