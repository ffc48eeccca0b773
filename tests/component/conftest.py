# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest
from ansible_collections.clickhouse.cloud.plugins.module_utils import _module
from cast import EVE
from clock import Clock
from component.harness import Runner
from simulator import Simulator, cloud


@pytest.fixture(scope="session")
def running_simulator():
    with Simulator(rate_limit="0", founder=EVE) as simulator:
        yield simulator


@pytest.fixture
def simulator(running_simulator):
    running_simulator.reset()
    return running_simulator


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    """The developer's own environment has no influence."""
    for name in [name for name in os.environ if name.startswith("CLICKHOUSE_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def clock(monkeypatch):
    """Waiting takes no time."""
    clock = Clock()
    monkeypatch.setattr(_module, "time", clock)
    return clock


@pytest.fixture
def lagging(monkeypatch, simulator, clock):
    """Has reads lag behind writes by seconds that sleeping skips."""

    def lag(seconds):
        clock.passed = 0.0
        monkeypatch.setattr(cloud, "time", clock)
        simulator.configure(read_lag=seconds)

    return lag


@pytest.fixture
def run(simulator, clock):
    """Runs modules, without waiting."""
    return Runner(simulator, clock)
