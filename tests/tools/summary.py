# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sum up layers of ``make test``: one of them in a line, or several in ``N passed, N failed``.

Usage: ``python tests/tools/summary.py LAYER...``

A layer's sessions are in nox's report ``build/reports/LAYER.json``. A session counts as the tests in the JUnit reports
that it leaves in ``build/reports/SESSION/``, or as one test if it leaves none.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

REPORTS = Path("build/reports")
OUTCOMES = ("passed", "failed", "skipped")


def count(session: dict[str, Any]) -> Counter[str]:
    """Count the tests of a session."""
    counts: Counter[str] = Counter()
    name = re.sub(r"[()]", " ", (session["signatures"] or [session["name"]])[0]).strip().replace(" ", "-")
    for report in REPORTS.glob(f"{name}/*.xml"):
        for test in ET.parse(report).iter("testcase"):
            tags = {child.tag for child in test}
            counts["failed" if tags & {"failure", "error"} else "skipped" if "skipped" in tags else "passed"] += 1
    outcome = {"success": "passed", "skipped": "skipped"}.get(session["result"], "failed")
    if not counts or (outcome == "failed" and not counts["failed"]):
        counts[outcome] += 1
    return counts


def sessions(layer: str) -> list[dict[str, Any]]:
    """The sessions of a layer; one that failed if there is no report of any."""
    try:
        found: list[dict[str, Any]] = json.loads((REPORTS / f"{layer}.json").read_text(encoding="utf-8"))["sessions"]
    except (OSError, ValueError):
        found = []
    return found or [{"name": layer, "signatures": [], "result": "failed", "duration": 0}]


def text(counts: Counter[str]) -> str:
    """Write counts as CI reads them."""
    return ", ".join(f"{counts[outcome]} {outcome}" for outcome in OUTCOMES if counts[outcome] or outcome != "skipped")


def main(*layers: str) -> int:
    """Print the line of one layer, or the sum of several; return the exit code."""
    totals = {layer: sum(map(count, sessions(layer)), Counter()) for layer in layers}
    total = sum(totals.values(), Counter())
    if len(layers) == 1:
        seconds = sum(session["duration"] for session in sessions(layers[0]))
        log = (REPORTS / f"{layers[0]}.log").read_text(encoding="utf-8", errors="replace")
        checked = "".join(f", {line}" for line in re.findall(r"^nox > checked (.*)$", log, re.MULTILINE))
        print(f"{layers[0]:10} {'FAILED' if total['failed'] else 'ok':6} {seconds:4.0f} s   {text(total)}{checked}")
    else:
        failed = [layer for layer in layers if totals[layer]["failed"]]
        print(f"\nFailed: {', '.join(failed)}; the logs are in {REPORTS}/." if failed else "\nNothing failed.")
        print(text(total))
    return 1 if total["failed"] or not total["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
