# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the collection costs beside what a user would write instead, in ratios within one run."""
