# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment of all tests, the same under make and for a ``pytest`` that is run by hand."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

BUILD = Path(__file__).resolve().parents[1] / "build"

# Ansible finds the collection in this folder: as a link, so that coverage is measured in the checkout's plugins/.
LINK = BUILD / "link/ansible_collections/clickhouse/cloud"
LINK.parent.mkdir(parents=True, exist_ok=True)
with contextlib.suppress(FileExistsError):
    LINK.symlink_to("../../../..")
# Python remembers that the folder was not there when pytest added it to sys.path.
importlib.invalidate_caches()

# The tests' own home: neither the developer's ~/.ansible nor ~/.netrc counts. The commands of this Python's environment
# are found first.
HOME = BUILD / "home"
HOME.mkdir(exist_ok=True)
sys.dont_write_bytecode = False
sys.pycache_prefix = str(BUILD / "cache/pycache")
os.environ.update(
    ANSIBLE_COLLECTIONS_PATH=str(BUILD / "link"),
    ANSIBLE_HOME=str(HOME / ".ansible"),
    HOME=str(HOME),
    HYPOTHESIS_STORAGE_DIRECTORY=str(BUILD / "cache/hypothesis"),
    PATH=os.pathsep.join([str(Path(sys.prefix, "bin")), os.environ["PATH"]]),
    PYTHONDONTWRITEBYTECODE="1",
)

# How many examples a property test tries: `pytest --hypothesis-profile=quick`. They are the same in every run, except
# with `search`. No deadline: a busy machine must not fail a test.
settings.register_profile(
    "test", max_examples=40, database=None, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
settings.register_profile("quick", settings.get_profile("test"), max_examples=5)
settings.register_profile("matrix", settings.get_profile("test"), max_examples=300)
settings.register_profile("search", settings.get_profile("test"), max_examples=2000, derandomize=False)
settings.load_profile("test")
