# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""The people of all tests."""

from __future__ import annotations

ALICE, BOB, CAROL, DAVE, EVE, FRANK = (
    f"{name}@example.com" for name in ("alice", "bob", "carol", "dave", "eve", "frank")
)
