# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests on every supported ansible-core. ``make matrix`` runs all, ``make oldest`` the oldest alone."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv"
nox.options.envdir = "build/nox"

CORES = {
    "2.16": "2.16.19",
    "2.17": "2.17.14",
    "2.18": "2.18.19",
    "2.19": "2.19.14",
    "2.20": "2.20.10",
    "2.21": "2.21.5",
}
# ansible-core and the controller's Python.
CELLS = [
    ("2.16", "3.11"),
    ("2.16", "3.12"),
    ("2.17", "3.11"),
    ("2.18", "3.11"),
    ("2.19", "3.11"),
    ("2.20", "3.12"),
    ("2.20", "3.13"),
    ("2.20", "3.14"),
    ("2.21", "3.12"),
    ("2.21", "3.13"),
    ("2.21", "3.14"),
]
AVAILABLE = [cell for cell in CELLS if shutil.which(f"python{cell[1]}")] or CELLS
OLDEST, NEWEST = AVAILABLE[0], AVAILABLE[-1]
# The oldest Python that is promised on the host that runs the modules.
TARGET_PYTHON = "3.9"


def cells(*chosen: tuple[str, str]) -> list[nox.param]:
    """Parametrize a session with cells, named like ``2.16-3.11``."""
    return [nox.param(python, core, id=f"{core}-{python}") for core, python in chosen]


def make(
    session: nox.Session,
    *targets: str,
    unit: str = "tests/unit/plugins",
    e2e: str = "tests/e2e",
    **env: str,
) -> None:
    """Run make's targets in the session's environment. The simulator's unit tests do not depend on ansible-core."""
    venv = Path(os.path.relpath(session.virtualenv.location))
    reports = Path(os.environ.get("REPORTS", "build/reports"), venv.name)
    variables = {"VENV": venv, "REPORTS": reports, "UNIT": unit, "COMPONENT": "tests/component", "E2E": e2e}
    arguments = [f"{name}={value}" for name, value in variables.items()]
    session.run("make", *targets, *arguments, env=env, external=True)


def install(session: nox.Session, core: str) -> None:
    """Install one version of ansible-core and what the tests need."""
    session.install("--compile-bytecode", "--requirement", "requirements/test.txt", f"ansible-core=={CORES[core]}")


@nox.session
@nox.parametrize(["python", "core"], cells(*CELLS))
def tests(session: nox.Session, core: str) -> None:
    """Run everything that depends on ansible-core."""
    install(session, core)
    make(session, "unit", "component", "e2e", "integration", "sanity")
    output = session.run(
        "python", "tests/tools/with_simulator.py", "ansible-playbook", "--diff", "examples/demo.yml", silent=True
    )
    if "DEPRECATION WARNING" in str(output):
        session.error(output)


@nox.session(default=False)
@nox.parametrize(["python", "core"], cells(OLDEST))
def oldest(session: nox.Session, core: str) -> None:
    """Run the tests on the oldest ansible-core, less those marked as extra and those of files that do without Ansible.

    ``tests`` has these, too.
    """
    install(session, core)
    make(
        session,
        "unit",
        "e2e",
        "integration",
        unit="tests/unit/plugins/modules tests/unit/plugins/module_utils/test_module.py",
        e2e='tests/e2e -m "not extra"',
    )


@nox.session(python=TARGET_PYTHON)
def units_on_target(session: nox.Session) -> None:
    """Run the unit tests on the oldest Python and requests that are promised for modules."""
    session.install("--requirement", "requirements/target-test.txt")
    session.run("pytest", "tests/unit/plugins")


@nox.session
@nox.parametrize(["python", "core"], cells(OLDEST, NEWEST))
def target(session: nox.Session, core: str) -> None:
    """Run the modules on that Python, under the oldest and the newest ansible-core."""
    install(session, core)
    venv = Path(session.create_tmp(), "target")
    session.run("uv", "venv", "--clear", "--python", TARGET_PYTHON, str(venv), external=True)
    python = str(venv.resolve() / "bin/python")
    session.run("uv", "pip", "install", "--python", python, "--requirement", "requirements/target.txt", external=True)
    make(session, "e2e", "integration", CLICKHOUSE_CLOUD_TEST_INTERPRETER=python)
