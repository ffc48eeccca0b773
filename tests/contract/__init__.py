# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract: one set of observations that runs against the simulator and against a real organization."""
