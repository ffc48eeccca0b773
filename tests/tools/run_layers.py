# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run make targets, two at a time, and sum up.

Usage: ``python tests/tools/run_layers.py TARGET...``

What a target prints goes to ``build/logs/TARGET.log``, and is shown if the target fails. A target counts as the tests
in the JUnit reports that it leaves below ``build/reports/TARGET``, or as one test if it leaves none. Two at a time,
since many keep no more than one core busy.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET


@dataclass(frozen=True)
class Count:
    """Numbers of tests."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


def count_report(report: Path) -> Count:
    """Count the tests in a JUnit report."""
    count = Count()
    for suite in ET.parse(report).iter("testsuite"):
        failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped = int(suite.get("skipped", 0))
        count += Count(int(suite.get("tests", 0)) - failed - skipped, failed, skipped)
    return count


def run(target: str) -> Count:
    """Run one make target and count its tests."""
    reports = Path("build/reports", target)
    shutil.rmtree(reports, ignore_errors=True)
    log = Path("build/logs", f"{target}.log")
    log.parent.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    with log.open("w") as output:
        command = ["make", "--no-print-directory", "--keep-going", target, f"REPORTS={reports}"]
        code = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False).returncode
    succeeded = code == 0
    count = sum(map(count_report, sorted(reports.rglob("*.xml"))), Count())
    if count == Count() or (not succeeded and not count.failed):
        count += Count(passed=1) if succeeded else Count(failed=1)
    line = f"{target:12} {'ok' if succeeded else 'FAILED':6} {time.monotonic() - start:5.0f} s   {count}"
    print(line if succeeded else f"{log.read_text(errors='replace')}\n{line}", flush=True)
    return count


def main() -> int:
    """Run all targets, whatever fails; return the exit code."""
    start = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        counts = dict(zip(sys.argv[1:], pool.map(run, sys.argv[1:])))
    failed = [target for target, count in counts.items() if count.failed]
    print(f"\n{', '.join(failed)} failed" if failed else "\nAll layers passed", f"in {time.monotonic() - start:.0f} s.")
    print(sum(counts.values(), Count()))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
