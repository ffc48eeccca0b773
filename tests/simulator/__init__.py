# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulator of the part of the ClickHouse Cloud API that manages who has access."""

from .simulator import Simulator

__all__ = ["Simulator"]
