# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put pip into a virtual environment with what Python brings.

Stands in for the script of that name that ansible-test would download, and takes its options.
"""

from __future__ import annotations

import ensurepip
import subprocess
import sys
import sysconfig
from pathlib import Path

# Distributions may keep the wheels elsewhere.
folders = [sysconfig.get_config_var("WHEEL_PKG_DIR"), Path(ensurepip.__file__).parent / "_bundled"]
wheel = next(wheel for folder in folders if folder for wheel in Path(folder).glob("pip-*.whl"))
# Options of the downloaded script that pip does not know.
arguments = [argument for argument in sys.argv[1:] if argument not in {"--no-setuptools", "--no-wheel"}]
# A wheel of pip can run by itself.
sys.exit(subprocess.call([sys.executable, f"{wheel}/pip", "install", *arguments]))
