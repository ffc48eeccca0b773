# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from simulator import Simulator

from contract.__main__ import observe_simulator


@pytest.fixture
def simulator():
    with Simulator(rate_limit="0") as simulator:
        yield simulator


@pytest.fixture(scope="session")
def default():
    """The behaviours of a simulator without settings."""
    return observe_simulator()
