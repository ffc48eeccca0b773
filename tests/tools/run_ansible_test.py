# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ``ansible-test`` on a copy of the collection, in the environment of the Python that runs this.

Usage: ``python tests/tools/run_ansible_test.py {integration,sanity} [OPTION...]``, in the root of the checkout.

A copy, since ansible-test wants the collection below ``ansible_collections/clickhouse/cloud`` and follows no links.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import ansible_test
from copy_collection import copy_collection

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from simulator import Simulator


def provide_get_pip(home: Path) -> None:
    """Spare ansible-test the download of a script that puts pip into the environments of its sanity tests.

    It fetches the script, for the version of pip that its release pins, from a host that closed networks do not reach,
    unless the script is in its cache.
    """
    pins = Path(ansible_test.__path__[0], "_internal/python_requirements.py").read_text(encoding="utf-8")
    cache = home / ".ansible/test/cache"
    cache.mkdir(parents=True, exist_ok=True)
    for version in re.findall(r"^ *pip='(.*)',$", pins, re.MULTILINE):
        shutil.copy2(Path(__file__).with_name("get_pip.py"), cache / f"get_pip_{version.replace('.', '_')}.py")


def configure_integration(checkout: Path, simulator: Simulator, python: str) -> None:
    """Pass the simulator's address by a file, since ansible-test removes it from the environment.

    JSON, which is YAML, too.
    """
    variables = {name.lower(): value for name, value in simulator.environment.items()}
    variables["ansible_python_interpreter"] = os.environ.get("CLICKHOUSE_CLOUD_TEST_INTERPRETER", python)
    (checkout / "tests/integration/integration_config.yml").write_text(json.dumps(variables))


def main(command: str, *options: str) -> int:
    """Run one command of ansible-test, and return its exit code."""
    build = Path("build/ansible-test", f"{Path(sys.prefix).name}-{command}").resolve()
    checkout = build / "ansible_collections/clickhouse/cloud"
    copy_collection(checkout)
    home = build / "home"
    home.mkdir(exist_ok=True)
    provide_get_pip(home)
    with tempfile.TemporaryDirectory() as folder, Simulator(rate_limit="0") as simulator:
        # ansible-test writes shebangs, in which no path with a blank can stand.
        venv = Path(folder, "venv")
        venv.symlink_to(sys.prefix)
        configure_integration(checkout, simulator, f"{venv}/bin/python")
        return subprocess.run(
            [f"{venv}/bin/python", f"{venv}/bin/ansible-test", command, "--color", "no", *options],
            cwd=checkout,
            env={**os.environ, "HOME": str(home)},
            check=False,
        ).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
