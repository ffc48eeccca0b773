# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sum up layers of ``make test``: one in its line, or all of them in ``N passed, N failed``.

Usage: ``python tests/tools/summary.py LAYER``, or ``python tests/tools/summary.py --all LAYER...``

A layer's sessions are in nox's report ``build/reports/LAYER.json``. A session counts as the tests in the JUnit reports
that it leaves in ``build/reports/SESSION/``, or as one test if it leaves none.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def show(layer: str) -> int:
    """Print the line of a layer; return the exit code."""
    total = sum(map(count, sessions(layer)), Counter())
    seconds = sum(session["duration"] for session in sessions(layer))
    log = (REPORTS / f"{layer}.log").read_text(encoding="utf-8", errors="replace")
    checked = "".join(f", {line}" for line in re.findall(r"^nox > checked (.*)$", log, re.MULTILINE))
    print(f"{layer:10} {'FAILED' if total['failed'] else 'ok':6} {seconds:4.0f} s   {text(total)}{checked}")
    return 1 if total["failed"] else 0


def show_all(layers: Sequence[str]) -> int:
    """Print the sum of layers; return the exit code."""
    totals = {layer: sum(map(count, sessions(layer)), Counter()) for layer in layers}
    total = sum(totals.values(), Counter())
    failed = [layer for layer in layers if totals[layer]["failed"]]
    print(f"\nFailed: {', '.join(failed)}. The logs are in {REPORTS}/." if failed else "")
    print(text(total))
    return 1 if total["failed"] or not total["passed"] else 0


if __name__ == "__main__":
    sys.exit(show_all(sys.argv[2:]) if sys.argv[1] == "--all" else show(sys.argv[1]))
