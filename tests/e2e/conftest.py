# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from simulator import Simulator


@pytest.fixture
def simulator():
    with Simulator(rate_limit="0") as simulator:
        yield simulator
