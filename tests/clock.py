# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fake clock of all tests."""

from __future__ import annotations

import time


class Clock:
    """Stands in for the module ``time``: sleeping takes no time, but counts as time ``passed``.

    It stands still at the moment where it starts. Without one it goes on from now, as a simulator's clock does.
    """

    def __init__(self, start: float | None = None) -> None:
        self.slept: list[float] = []
        self.passed = 0.0
        self._start = start

    def time(self) -> float:
        """Seconds since the epoch."""
        return (time.time() if self._start is None else self._start) + self.passed

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return (time.monotonic() if self._start is None else 0.0) + self.passed

    def sleep(self, seconds: float) -> None:
        """Let seconds pass."""
        assert seconds >= 0
        self.slept.append(seconds)
        self.passed += seconds
