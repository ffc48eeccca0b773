# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""An honest simulator of the part of the ClickHouse Cloud API that invites people."""

from .server import Simulator

__all__ = ["Simulator"]
